"""Closed-loop load by wrk: so many connections, each sending the next request once it has its answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.service import Service

SCRIPT = Path(__file__).with_name("post.lua")
ANSWER_TIMEOUT_S = 60
MISSING = "wrk is not installed: apt-get install wrk (Debian, Ubuntu), brew install wrk, or github.com/wg/wrk"


class WrkMissing(RuntimeError):
    """There is no wrk; the text says how to install it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one run. `rate` is in answers of status 200 a second, after the warm-up."""

    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    statuses: Mapping[str, int]
    errors: Mapping[str, int] = field(default_factory=dict)
    cpu_ms_per_answer: float = 0.0  # of the server's processes

    @property
    def faults(self) -> int:
        """Answers other than 200, and connections that broke or waited longer than a minute."""
        return sum(count for status, count in self.statuses.items() if status != "200") + sum(self.errors.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def run_wrk(
    service: Service,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    warm_up_s: float = 1.0,
    num_threads: int = 1,
) -> Load:
    """Load a service, the requests in turn (in each thread of wrk).

    Latencies are those of wrk's own histogram, warm-up included.

    Raises:
        WrkMissing: it is not installed.
    """
    command = [
        find_wrk(),
        f"-t{min(num_threads, connections)}",
        f"-c{connections}",
        f"-d{round(seconds + warm_up_s)}s",
        "--latency",
    ]
    command += ["--timeout", f"{ANSWER_TIMEOUT_S}s", "-s", str(SCRIPT), f"http://127.0.0.1:{service.port}/"]
    cpu_before_s = processes.cpu_s(service.pids())
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(index) for index in range(len(requests))]
        for file, request in zip(files, requests, strict=True):
            file.write_bytes(request)
        arguments = ["--", str(warm_up_s), *map(str, files)]
        output = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout
    cpu_s = processes.cpu_s(service.pids()) - cpu_before_s
    return parse_output(output, cpu_s=cpu_s)


def parse_output(output: str, *, cpu_s: float = 0.0) -> Load:
    """Read what post.lua wrote last.

    Raises:
        ValueError: it is not there.
    """
    try:
        record = json.loads(output.strip().rpartition("\n")[2])
        errors = {kind: record[kind] for kind in ("connect_errors", "read_errors", "write_errors", "timeouts")}
        num_answers = sum(record["statuses"].values())
        return Load(
            rate=record["counted"] / record["counted_s"],
            p50_ms=record["p50_ms"],
            p99_ms=record["p99_ms"],
            max_ms=record["max_ms"],
            statuses=record["statuses"],
            errors={kind: count for kind, count in errors.items() if count},
            cpu_ms_per_answer=1000 * cpu_s / max(1, num_answers),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"wrk wrote no figures, but {output[-500:]!r}") from error


def find_wrk() -> str:
    """The path of wrk.

    Raises:
        WrkMissing: it is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise WrkMissing(MISSING)
    return path


if __name__ == "__main__":  # so that make can ask before it builds anything
    try:
        find_wrk()
    except WrkMissing as error:
        sys.exit(str(error))
