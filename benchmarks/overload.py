"""Four times more requests than the server can answer: who is told so at once, and what the others get."""

from __future__ import annotations

import time
from collections import Counter

from benchmarks.figures import Figure
from benchmarks.open_loop import OpenLoop, Outcome
from benchmarks.plan import Plan
from benchmarks.service import opsin
from benchmarks.spread import percentile
from benchmarks.workload import Workload
from benchmarks.wrk import run_wrk
from server.settings import Settings

FACTOR = 4.0
BEST_OF_CONNECTIONS = (16, 64)
THROUGHPUT_AT_LEAST = 0.9
GRACE_MS = 100.0  # past the deadline, for an answer to be written and read on a machine with no core to spare
WARM_UP_S = 2.0  # until the queue is full


def measure_overload(workload: Workload, plan: Plan) -> list[Figure]:
    """An open loop at four times the best throughput, which is measured before and after it."""
    timeout_ms = Settings().request_timeout_ms
    requests = workload.requests()
    with opsin(workload) as service:
        best = [
            run_wrk(service, requests, connections=count, seconds=plan.load_s).rate for count in BEST_OF_CONNECTIONS
        ]
        rate = FACTOR * max(best)
        plan.say(f"{workload.name}: {rate:.0f} requests/s for {plan.overload_s:.0f} s")
        cpu_before_s = time.process_time()
        outcomes = OpenLoop(service.port, requests).run(
            rate=rate, seconds=plan.overload_s, patience_s=timeout_ms / 1000 + 5
        )
        generator_cpu = (time.process_time() - cpu_before_s) / plan.overload_s
        best += [run_wrk(service, requests, connections=BEST_OF_CONNECTIONS[0], seconds=plan.load_s).rate]
    return _figures(workload, outcomes, best, timeout_ms, f"the generator took {generator_cpu:.0%} of a core")


def _figures(
    workload: Workload, outcomes: list[Outcome], best: list[float], timeout_ms: int, generator: str
) -> list[Figure]:
    statuses = Counter(outcome.status for outcome in outcomes)
    wrong = sum(not _is_right(outcome) for outcome in outcomes)
    ok = [outcome for outcome in outcomes if outcome.status == 200]
    refused_ms = [outcome.latency_ms for outcome in outcomes if outcome.status == 503]
    rate = _rate_of_200s(outcomes)
    where = f"{workload.name}, {FACTOR:g}x overload"
    shares = ", ".join(f"{count / len(outcomes):.1%} {status or 'no answer'}" for status, count in statuses.items())
    p50_ms, p99_ms = (
        (percentile([outcome.latency_ms for outcome in ok], percent) for percent in (50, 99)) if ok else (0, 0)
    )
    refusal = (
        f"; a 503 takes {percentile(refused_ms, 50):.0f} ms, p99 {percentile(refused_ms, 99):.0f} ms"
        if refused_ms
        else ""
    )
    details = {"statuses": {str(status): count for status, count in statuses.items()}, "best": best}
    return [
        Figure(
            f"{where}: answers that are neither 200 nor 503 with Retry-After",
            wrong,
            at_most=0,
            note=f"of {len(outcomes)}: {shares}{refusal}; {generator}",
            details=details,
        ),
        Figure(
            f"{where}: p99 of the 200s",
            p99_ms if ok else None,
            "ms",
            at_most=timeout_ms + GRACE_MS,
            note=f"p50 {p50_ms:.0f} ms",
        ),
        Figure(
            f"{where}: throughput of 200s over the best",
            rate / max(best),
            at_least=THROUGHPUT_AT_LEAST,
            note=f"{rate:.1f} images/s; best {max(best):.1f}",
        ),
    ]


def _is_right(outcome: Outcome) -> bool:
    return outcome.status == 200 or (outcome.status == 503 and outcome.has_retry_after)


def _rate_of_200s(outcomes: list[Outcome]) -> float:
    """Answers a second, counted while requests arrived and after the queue was full."""
    ends_s = max(outcome.due_s for outcome in outcomes)
    answered_s = [outcome.due_s + outcome.latency_ms / 1000 for outcome in outcomes if outcome.status == 200]
    return sum(WARM_UP_S <= at_s < ends_s for at_s in answered_s) / (ends_s - WARM_UP_S)
