"""A well-behaved client beside those that take more than their turn: `python -m benchmarks.attacks [NAME ...]`.

Each attack runs in a process of its own against a server of its own, with the default settings and LiteRT (another
runtime takes memory when it takes over). The neighbour sends one picture after the other, each on a connection of its
own, without an attack and then beside it. The exit status is 1 where its p99 beside the attack is more than FACTOR
times its own, a request of its got no answer, the attack was answered 504, or memory or threads are not back AFTER_S
later.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import resource
import sys
import threading
import time
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.attack_connections import CONNECTION_ATTACKS, PATIENCE_S
from benchmarks.attack_uploads import UPLOAD_ATTACKS, request_of, upload_without_end
from benchmarks.service import Service, free_port
from benchmarks.spread import percentile

FACTOR = 10.0
QUIET_S = 5.0
ATTACK_S = 8.0
AFTER_S = 20.0
MEMORY_FACTOR = 1.1
START_S = 120.0  # on a machine with other work to do
SAMPLE_S = 0.25
PHOTO = Path(__file__).resolve().parent.parent / "tests" / "data" / "daisy_2408024540.jpg"
HEADINGS = (
    "attack",
    "p50, p99 without, ms",
    "p50, p99 beside it, ms",
    "times",
    "lost",
    "MB before, most, 20 s after",
    "threads before, beside, after",
    "the attack's answers",
    "load",
)


@dataclass(slots=True)
class Figures:
    """What one attack came to."""

    quiet_ms: list[float]
    before: tuple[int, int]  # memory in bytes, threads
    beside_ms: list[float] = field(default_factory=list)
    num_lost: int = 0
    most: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    answers: dict[int, int] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether all is as it should be."""
        return (
            not self.num_lost
            and 504 not in self.answers
            and self.times <= FACTOR
            and self.after[0] <= MEMORY_FACTOR * self.before[0]
            and self.after[1] <= self.before[1]
        )

    @property
    def times(self) -> float:
        """The neighbour's p99 beside the attack over its own."""
        return percentile(self.beside_ms, 99) / percentile(self.quiet_ms, 99)

    def __str__(self) -> str:
        memory, threads = zip(self.before, self.most, self.after, strict=True)
        return " | ".join(
            (
                *(
                    f"{percentile(times, 50):.0f}, {percentile(times, 99):.0f}"
                    for times in (self.quiet_ms, self.beside_ms)
                ),
                f"{self.times:.1f}",
                f"{self.num_lost} of {len(self.beside_ms)}",
                ", ".join(f"{size / 1e6:.0f}" for size in memory),
                ", ".join(map(str, threads)),
                ", ".join(f"{number} x {status or 'none'}" for status, number in self.answers.items()) or "-",
                f"{os.getloadavg()[0]:.0f}",
            )
        )


def ask(port: int, seconds: float) -> tuple[list[float], int]:
    """Send one picture after the other; gives the milliseconds of the answers, and how many there were not."""
    photo, times_ms, num_lost = PHOTO.read_bytes(), [], 0
    end = time.monotonic() + seconds
    while (started := time.monotonic()) < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/predict", photo)
            response = connection.getresponse()
            response.read()
            num_lost += response.status != 200
        except (OSError, http.client.HTTPException):
            num_lost += 1
        finally:
            connection.close()
        times_ms.append(1000 * (time.monotonic() - started))
    return times_ms, num_lost


def attack(name: str, port: int, upload: bytes, statuses: MutableSequence[int]) -> None:
    """Attack until killed."""
    if name in CONNECTION_ATTACKS:
        CONNECTION_ATTACKS[name](port)
    else:
        upload_without_end(port, UPLOAD_ATTACKS[name][0], upload, statuses)


def measure(name: str) -> Figures:
    """Start a server, and measure what an attack does to it and to its neighbour."""
    upload = request_of(UPLOAD_ATTACKS[name][1]()) if name in UPLOAD_ATTACKS else b""
    statuses: MutableSequence[int] = multiprocessing.Array("L", 1000)  # type: ignore[assignment]
    port = free_port()
    server = Service(
        ["-m", "server"],
        {"OPSIN_PORT": str(port), "OPSIN_RUNTIME": "litert"},
        port=port,
        ready_path="/readyz",
        start_limit_s=START_S,
    )
    with server as service:
        ask(port, 2.0)
        quiet_ms, _ = ask(port, QUIET_S)
        figures = Figures(quiet_ms, memory_and_threads(service))
        attacker = multiprocessing.Process(target=attack, args=(name, port, upload, statuses), daemon=True)
        has_ended = threading.Event()

        def sample() -> None:
            while not has_ended.wait(SAMPLE_S):
                memory, threads = memory_and_threads(service)
                figures.most = max(figures.most[0], memory), max(figures.most[1], threads)

        sampler = threading.Thread(target=sample)
        attacker.start()
        sampler.start()
        time.sleep(1.0)
        figures.beside_ms, figures.num_lost = ask(port, ATTACK_S)
        attacker.kill()
        attacker.join()
        has_ended.set()
        sampler.join()
        figures.answers = {status: number for status, number in enumerate(list(statuses)) if number}
        time.sleep(AFTER_S)
        figures.after = memory_and_threads(service)
    return figures


def memory_and_threads(service: Service) -> tuple[int, int]:
    """The proportional set size of all processes of a server, in bytes, and their threads."""
    pids = service.pids()
    return processes.pss_bytes(pids), sum(processes.num_threads(pid) for pid in pids)


def main(names: list[str]) -> int:
    """Run the attacks of these names, or all; print a row of a table for each."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    is_held = True
    print(f"| {' | '.join(HEADINGS)} |\n{'|---' * len(HEADINGS)}|")
    for name in names or (*CONNECTION_ATTACKS, *UPLOAD_ATTACKS):
        figures = measure(name)
        print(f"| {name} | {figures} |", flush=True)
        is_held &= figures.is_held
    return int(not is_held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
