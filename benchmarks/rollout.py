"""The command `python -m benchmarks.rollout`: rolls replicas under load as Kubernetes does, kills one, counts failures.

Replicas are processes on loopback ports behind HAProxy, once as behind a Service and once as behind a gateway that
repeats requests. One after the other they are replaced as by deploy/kubernetes/base/deployment.yaml: a new one is ready
first; the old one sleeps (preStop) while the balancer hears that it goes, gets SIGTERM, and finishes what is in hand.
Then all processes of one are killed at once. The exit status is 1 where a request failed that should not have.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.haproxy import Balancer, BalancerFailed, Kind
from benchmarks.open_loop import OpenLoop, Outcome
from benchmarks.service import Service, free_port
from benchmarks.spread import percentile
from benchmarks.workload import Workload, shipped

PRESTOP_S = 5.0  # as in the Deployment
HEARD_AFTER_S = 2.0  # when the balancer knows that a replica goes, which no pod can know
STEADY_S = 3.0
AFTER_KILL_S = 6.0
PATIENCE_S = 20.0
LONGEST_S = 300.0
KINDS: tuple[Kind, ...] = ("service", "gateway")


@dataclass(frozen=True, slots=True)
class Phase:
    """What came of the requests that were due in a part of a run.

    Attributes:
        name: of the part.
        outcomes: of those requests.
        may_fail: whether a balancer of this kind loses requests in such a part.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    may_fail: bool = False

    @property
    def num_failed(self) -> int:
        """How many were not answered 200."""
        return sum(outcome.status != 200 for outcome in self.outcomes)

    @property
    def is_met(self) -> bool:
        """Whether all that should have been answered was, and anything was."""
        return self.may_fail or (bool(self.outcomes) and not self.num_failed)

    def row(self) -> str:
        """Write it as a row of the table."""
        latencies = [outcome.latency_ms for outcome in self.outcomes if outcome.status == 200] or [0.0]
        failed = Counter(outcome.status or "cut off" for outcome in self.outcomes if outcome.status != 200)
        how = ", ".join(f"{number} {status}" for status, number in failed.items())
        verdict = "ok" if self.is_met else "FAILED"
        times = f"{percentile(latencies, 50):.0f}, {percentile(latencies, 99):.0f}, {max(latencies):.0f}"
        return f"| {self.name} | {len(self.outcomes)} | {self.num_failed}{how and f' ({how})'} | {times} | {verdict} |"


class Replicas:
    """Servers behind a balancer: each has the next of the ports, and is started, rolled or killed.

    Args:
        workload: what they serve.
        ports: one for each that will ever be.
        balancer: is told of them.
        stack: ends what still runs.
    """

    def __init__(self, workload: Workload, ports: Sequence[int], balancer: Balancer, stack: ExitStack) -> None:
        self._workload, self._ports = workload, list(ports)
        self._balancer, self._stack = balancer, stack
        self._number = 0
        self.running: dict[int, Service] = {}

    def add(self) -> None:
        """Start one, and have it asked once it is ready."""
        number, port = self._number, self._ports[self._number]
        environ = {
            "OPSIN_PORT": str(port),
            "OPSIN_REPOSITORY": str(self._workload.repository),
            "OPSIN_MODEL": self._workload.model,
            "OPSIN_WORKERS": "1",
        }
        service = Service(["-m", "server"], environ, port=port, ready_path="/readyz")
        self.running[number] = self._stack.enter_context(service)
        self._balancer.set_state(number, "ready")
        self._number += 1

    def replace(self, number: int) -> None:
        """Roll one: the next is ready before it goes."""
        self.add()
        told = threading.Timer(HEARD_AFTER_S, self._balancer.set_state, (number, "drain"))
        told.start()
        time.sleep(PRESTOP_S)
        told.join()
        self.running.pop(number).stop()
        self._balancer.set_state(number, "maint")

    def kill(self, number: int) -> None:
        """End all processes of one, as when memory or its node is lost; the balancer finds out by itself."""
        os.killpg(self.running.pop(number).pid, signal.SIGKILL)


def run(kind: Kind, *, num_replicas: int, rate: float) -> list[Phase]:
    """Roll and kill behind one kind of balancer, and tell what came of the requests meanwhile."""
    workload = shipped()
    ports = [free_port() for _ in range(2 * num_replicas)]
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer(kind, ports))
        replicas = Replicas(workload, ports, balancer, stack)
        for _ in range(num_replicas):
            replicas.add()
        load = OpenLoop(balancer.port, workload.requests())
        options = {"rate": rate, "seconds": LONGEST_S, "patience_s": PATIENCE_S}
        client = threading.Thread(target=load.run, kwargs=options, daemon=True)
        client.start()
        time.sleep(STEADY_S)
        began_rolling_s = load.now_s
        for number in list(replicas.running):
            replicas.replace(number)
        time.sleep(STEADY_S)
        killed_s = load.now_s
        replicas.kill(min(replicas.running))
        time.sleep(AFTER_KILL_S)
        load.end()
        client.join()
    return phases_of(load.outcomes, kind, began_rolling_s=began_rolling_s, killed_s=killed_s)


def phases_of(outcomes: Sequence[Outcome], kind: Kind, *, began_rolling_s: float, killed_s: float) -> list[Phase]:
    """Divide the requests of a run by what went on when they were due; one in hand at the kill belongs to that."""

    def is_at_kill(outcome: Outcome) -> bool:
        return outcome.due_s + outcome.latency_ms / 1000 >= killed_s

    def is_before(outcome: Outcome) -> bool:
        return outcome.due_s < began_rolling_s and not is_at_kill(outcome)

    parts = {
        "steady": [outcome for outcome in outcomes if is_before(outcome)],
        "rolled": [outcome for outcome in outcomes if not is_before(outcome) and not is_at_kill(outcome)],
        "one killed": [outcome for outcome in outcomes if is_at_kill(outcome)],
    }
    return [
        Phase(f"{kind}: {name}", tuple(part), may_fail=kind == "service" and name == "one killed")
        for name, part in parts.items()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns 0, 1 where a request failed, or 2 where there is no HAProxy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout", description=__doc__)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--rate", type=float, default=20, help="requests a second, each with a photo")
    parser.add_argument("--only", choices=KINDS, action="append", help="one kind of balancer; default: both")
    arguments = parser.parse_args(argv)
    phases: list[Phase] = []
    try:
        for kind in arguments.only or KINDS:
            phases += run(kind, num_replicas=arguments.replicas, rate=arguments.rate)
    except BalancerFailed as error:
        print(f"python -m benchmarks.rollout: {error}", file=sys.stderr)
        return 2
    print(machine.in_words(machine.describe()))
    print("| | requests | not answered 200 | p50, p99, longest, ms | |\n|---|---|---|---|---|")
    print("\n".join(phase.row() for phase in phases))
    return 0 if all(phase.is_met for phase in phases) else 1


if __name__ == "__main__":
    sys.exit(main())
