"""One request at a time: what the server adds to decoding and inference on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.connection import Connection
from benchmarks.figures import Figure
from benchmarks.in_process import decode_and_run
from benchmarks.pictures import large_photo
from benchmarks.plan import Plan
from benchmarks.service import opsin
from benchmarks.spread import percentile
from benchmarks.workload import Workload, photo_request
from models.runtime import load_runtime
from models.runtime.cores import available_cores

ADDED_AT_MOST_MS = 1.5
LARGE_AT_MOST_MS = 60.0
PAUSE_S = 0.03  # between server and baseline, for the threads of the one to stop spinning before the other is timed


def measure_lone(workload: Workload, plan: Plan) -> list[Figure]:
    """The difference of the medians; rounds of 16 photos alternate between the server and this process."""
    runtime = load_runtime(workload.artifact, num_threads=available_cores())
    in_process = decode_and_run(workload, runtime)
    requests = workload.requests()
    served_ms: list[list[float]] = []
    direct_ms: list[list[float]] = []
    with opsin(workload) as service, Connection(service.port) as connection:
        for _ in range(plan.lone_rounds + 1):
            served_ms.append(_times_ms(lambda index: _ask(connection, requests[index]), len(requests)))
            direct_ms.append(_times_ms(in_process, len(requests)))
    runtime.close()
    served, direct = _all(served_ms[1:]), _all(direct_ms[1:])  # the first round warms both up
    served_p50, direct_p50 = percentile(served, 50), percentile(direct, 50)
    plan.say(f"{workload.name}, lone: p50 {served_p50:.2f} ms, in process {direct_p50:.2f} ms")
    differences = [percentile(a, 50) - percentile(b, 50) for a, b in zip(served_ms[1:], direct_ms[1:], strict=True)]
    added = Figure(
        f"{workload.name}: p50 of a lone request over decode + inference with all cores",
        served_p50 - direct_p50,
        "ms",
        at_most=ADDED_AT_MOST_MS,
        runs=tuple(differences),
        note=f"p50 {served_p50:.2f} ms against {direct_p50:.2f} ms, p99 {percentile(served, 99):.2f} ms",
        details={"served_ms": served, "in_process_ms": direct},
    )
    return [added]


def measure_large_photo(workload: Workload, plan: Plan) -> list[Figure]:
    """The whole request of a lone client with a photo of 12 megapixels."""
    photo = large_photo()
    request = photo_request(photo)
    with opsin(workload) as service, Connection(service.port) as connection:
        _times_ms(lambda _: _ask(connection, request), 3)
        times_ms = _times_ms(lambda _: _ask(connection, request), plan.large_photos)
    runtime = load_runtime(workload.artifact, num_threads=available_cores())
    in_process = decode_and_run(replace(workload, photos=(photo,)), runtime)
    direct_ms = _times_ms(in_process, plan.large_photos)
    runtime.close()
    p50_ms, direct_p50_ms = percentile(times_ms, 50), percentile(direct_ms, 50)
    plan.say(f"{workload.name}, 12 megapixels: p50 {p50_ms:.1f} ms, in process {direct_p50_ms:.1f} ms")
    return [
        Figure(
            f"{workload.name}: p50 of a lone 12-megapixel JPEG, whole request",
            p50_ms,
            "ms",
            at_most=LARGE_AT_MOST_MS,
            note=f"{len(photo) / 1e6:.1f} MB; {len(times_ms)} requests, p99 {percentile(times_ms, 99):.1f} ms, "
            f"in process {direct_p50_ms:.1f} ms",
            details={"served_ms": times_ms, "in_process_ms": direct_ms},
        )
    ]


def _ask(connection: Connection, request: bytes) -> None:
    answer = connection.ask(request)
    if answer.status != 200:
        raise RuntimeError(f"a lone request was answered {answer.status}: {answer.body[:200]!r}")


def _times_ms(call: Callable[[int], object], count: int) -> list[float]:
    time.sleep(PAUSE_S)
    times_ms = []
    for index in range(count):
        began_at = time.perf_counter()
        call(index)
        times_ms.append(1000 * (time.perf_counter() - began_at))
    return times_ms


def _all(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [value for one_round in rounds for value in one_round]
