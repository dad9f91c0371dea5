"""Closed-loop load without wrk: processes of threads, each with one connection, as many as fit beside the server."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.connection import Connection, NoAnswer
from benchmarks.spread import percentile
from benchmarks.wrk import Load

START_S = 60.0
MAX_PROCESSES = 6

Answered = tuple[float, float, int]  # when, after how many ms, with which status; 0 is no answer


def run_closed_loop(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    warm_up_s: float = 1.0,
    processes: int = 1,
) -> Load:
    """Load a port of this machine, the requests in turn; what is answered in the warm-up does not count.

    Raises:
        ValueError: nothing was answered.
    """
    processes = min(processes, connections, MAX_PROCESSES)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.SimpleQueue()
    shares = [connections // processes + (number < connections % processes) for number in range(processes)]
    workers = [
        context.Process(target=_load, args=(port, list(requests), share, warm_up_s + seconds, barrier, results))
        for share in shares
    ]
    for worker in workers:
        worker.start()
    found: list[tuple[float, list[Answered]]] = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    counted = [answer for began_at, answers in found for answer in answers if answer[0] >= began_at + warm_up_s]
    return _summary(counted, seconds)


def _summary(counted: Sequence[Answered], seconds: float) -> Load:
    latencies_ms = [latency_ms for _, latency_ms, status in counted if status]
    if not latencies_ms:
        raise ValueError("the server answered nothing")
    statuses = Counter(str(status) for _, _, status in counted if status)
    broken = sum(1 for _, _, status in counted if not status)
    return Load(
        rate=statuses["200"] / seconds,
        p50_ms=percentile(latencies_ms, 50),
        p99_ms=percentile(latencies_ms, 99),
        max_ms=max(latencies_ms),
        statuses=dict(statuses),
        errors={"broken": broken} if broken else {},
    )


def _load(port: int, requests: list[bytes], connections: int, seconds: float, barrier: Any, results: Any) -> None:
    barrier.wait(START_S)
    began_at = time.monotonic()
    answers: list[Answered] = []  # one list: appending is atomic
    threads = [
        threading.Thread(target=_ask_until, args=(port, requests, number, began_at + seconds, answers))
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((began_at, answers))


def _ask_until(port: int, requests: list[bytes], first: int, until: float, answers: list[Answered]) -> None:
    connection: Connection | None = None
    number = first
    while (asked_at := time.monotonic()) < until:
        try:
            connection = connection or Connection(port)
            answer = connection.ask(requests[number % len(requests)])
            status, is_last = answer.status, answer.is_last
        except (NoAnswer, OSError):
            status, is_last = 0, True
            time.sleep(0.01)
        answered_at = time.monotonic()
        answers.append((answered_at, 1000 * (answered_at - asked_at), status))
        if is_last and connection:
            connection.close()
            connection = None
        number += 1
    if connection:
        connection.close()
