"""What the machine can do without a server: decode and classify in one loop, in several arrangements of its cores."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workload import Workload
from models.pixels.preprocessing import preprocess
from models.runtime import Runtime, load_runtime
from models.runtime.cores import available_cores

READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Who decodes and runs: `processes` with `threads` each, batches of `batch_size` photos.

    Each thread has a runtime of one thread of its own, or all share one that uses all cores (`is_shared`): while one
    of them runs it, the others decode.
    """

    processes: int
    threads: int
    batch_size: int
    is_shared: bool = False

    def __str__(self) -> str:
        runtimes = "one all-core runtime" if self.is_shared else "a one-thread runtime each"
        return f"{self.processes} process x {self.threads} thread, {runtimes}, batch {self.batch_size}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What one run reached, and the CPU time that an image took."""

    rate: float
    cpu_ms_per_image: float


def arrangements(num_cores: int, batch_sizes: tuple[int, ...] = (1, 4)) -> list[Arrangement]:
    """Those worth trying."""
    tried = []
    for batch_size in batch_sizes:
        tried.append(Arrangement(num_cores, 1, batch_size))
        tried.append(Arrangement(1, num_cores, batch_size))
        tried.append(Arrangement(1, 2, batch_size, is_shared=True))
    return tried


def run_in_process(
    workload: Workload, arrangement: Arrangement, seconds: float, *, is_decoded: bool = False
) -> Baseline:
    """Decode and classify the photos in turn, in processes of their own, for so long; or classify pixels alone."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(arrangement.processes)
    results: Any = context.SimpleQueue()
    workers = [
        context.Process(
            target=_measure, args=(workload, arrangement, seconds, barrier, results, is_decoded), daemon=True
        )
        for _ in range(arrangement.processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(READY_S + seconds)
        if worker.exitcode != 0:
            raise RuntimeError(f"a process of the in-process measurement ended with status {worker.exitcode}")
    rates, counts, cpu_s = zip(*(results.get() for _ in workers), strict=True)
    return Baseline(sum(rates), 1000 * sum(cpu_s) / sum(counts))


def _measure(
    workload: Workload,
    arrangement: Arrangement,
    seconds: float,
    barrier: Barrier,
    results: Any,
    is_decoded: bool,
) -> None:
    turns = turns_of(workload, arrangement, is_decoded=is_decoded)
    barrier.wait(READY_S)
    until = time.monotonic() + seconds

    def repeat(turn: Callable[[int], object]) -> tuple[float, int]:
        started_at, done = time.monotonic(), 0
        while time.monotonic() < until:
            turn(done)
            done += arrangement.batch_size
        return done / (time.monotonic() - started_at), done

    cpu_before_s = time.process_time()
    with ThreadPoolExecutor(arrangement.threads) as pool:
        rates, counts = zip(*pool.map(repeat, turns), strict=True)
    results.put((sum(rates), sum(counts), time.process_time() - cpu_before_s))


def turns_of(workload: Workload, arrangement: Arrangement, *, is_decoded: bool) -> list[Callable[[int], object]]:
    """What each thread of a process of an arrangement does again and again, warmed up."""
    shared = load_runtime(workload.artifact, num_threads=available_cores()) if arrangement.is_shared else None
    lock = threading.Lock() if shared else nullcontext()
    runtimes = [shared or load_runtime(workload.artifact, num_threads=1) for _ in range(arrangement.threads)]
    turns = [decode_and_run(workload, runtime, arrangement.batch_size, lock) for runtime in runtimes]
    if is_decoded:
        spec = workload.artifact.manifest.pixels
        batch = np.zeros((arrangement.batch_size, spec.height_px, spec.width_px, 3), np.uint8)
        turns = [partial(_run, runtime, batch) for runtime in runtimes]
    for index, turn in enumerate(turns):
        turn(index)  # the first call lays out the memory
    return turns


def _run(runtime: Runtime, batch: NDArray[np.uint8], _first: int) -> object:
    return runtime.run(batch)


def decode_and_run(
    workload: Workload, runtime: Runtime, batch_size: int = 1, lock: AbstractContextManager[Any] | None = None
) -> Callable[[int], object]:
    """A function that decodes and classifies the `batch_size` photos from the one of that number on."""
    pixels = workload.artifact.manifest.pixels
    batch = np.empty((batch_size, pixels.height_px, pixels.width_px, 3), np.uint8)
    photos = workload.photos

    def turn(first: int) -> object:
        for index in range(batch_size):
            preprocess(photos[(first + index) % len(photos)], pixels, out=batch[index])
        with lock or nullcontext():
            return runtime.run(batch)

    return turn
