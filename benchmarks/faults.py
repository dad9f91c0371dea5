"""What clients see when the engine is killed again and again, and when the server is told to stop."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from benchmarks import processes
from benchmarks.checker import Clients, expected_answers
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.service import opsin
from benchmarks.workload import Workload

ENGINE_TITLE = "opsin: engine"
CONNECTIONS = 8
KILL_EVERY_S = 2.0
LOAD_BEFORE_STOP_S = 2.0
STOP_CONNECTIONS = 16


def measure_engine_kills(workload: Workload, plan: Plan) -> list[Figure]:
    """Kill -9 the engine every two seconds under eight connections."""
    expected = {workload.artifact.manifest.version: expected_answers(workload.artifact, workload.photos)}
    kills = 0
    with opsin(workload) as service, Clients(service.port, workload, expected, count=CONNECTIONS) as clients:
        ends_at = time.monotonic() + plan.faults_s
        while time.monotonic() < ends_at:
            time.sleep(KILL_EVERY_S)
            engines = processes.named(service.pid, ENGINE_TITLE)
            for engine in engines:
                os.kill(engine, signal.SIGKILL)
            kills += bool(engines)
        clients.stop()
        tally = clients.tally
    plan.say(f"{workload.name}: {kills} kills, {dict(tally.outcomes)}, {len(tally.mismatches)} wrong")
    where = f"{workload.name}, engine killed every {KILL_EVERY_S:g} s"
    if not kills:
        return [Figure(f"{where}: answers other than 200", None, at_most=0, note=f"no process named {ENGINE_TITLE!r}")]
    note = f"{kills} kills, {tally.num_200} answers of 200, the slowest after {max(tally.latencies_ms):,.0f} ms"
    return [
        Figure(f"{where}: answers other than 200", tally.others(), at_most=0, note=note, details=tally.to_dict()),
        Figure(f"{where}: answers that differ from the runtime's", len(tally.mismatches), at_most=0),
    ]


def measure_stops(workload: Workload, plan: Plan) -> list[Figure]:
    """SIGTERM under load, several times; every connection counts from the moment it is open.

    A client cannot tell whether the server had accepted its new connection, so one that is reset while it waits in the
    kernel's queue counts as well.
    """
    expected = {workload.artifact.manifest.version: expected_answers(workload.artifact, workload.photos)}
    outcomes: Counter[str] = Counter()
    num_wrong, stop_s = 0, []
    for _ in range(plan.stops):
        with opsin(workload) as service:
            with Clients(service.port, workload, expected, count=STOP_CONNECTIONS) as clients:
                time.sleep(LOAD_BEFORE_STOP_S)
                began_at = time.monotonic()
                service.stop()
                stop_s.append(time.monotonic() - began_at)
            outcomes += clients.tally.outcomes
            num_wrong += clients.tally.others("503", "connection refused")
            plan.say(f"{workload.name}: stopped in {stop_s[-1]:.2f} s, {dict(clients.tally.outcomes)}")
    del outcomes["connection refused"]  # not accepted: the server has gone
    return [
        Figure(
            f"{workload.name}, SIGTERM under {STOP_CONNECTIONS} connections: answers other than 200 or 503",
            num_wrong,
            at_most=0,
            note=f"{plan.stops} stops in {min(stop_s):.1f} to {max(stop_s):.1f} s; "
            + ", ".join(f"{count} x {outcome}" for outcome, count in sorted(outcomes.items())),
            details={"outcomes": dict(outcomes), "stop_s": stop_s},
        )
    ]
