"""Measures how fast LiteRT runs files, in interleaved rounds, so that the comparison is fair."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from models.runtime.cores import available_cores
from optimize.cost.memory import memory_bytes
from optimize.cost.rounds import NUM_ROUNDS, Rounds, interleave
from optimize.cost.timed_file import Clock, LoadedFile, images_per_s, latency_ms

BATCH_SIZE = 4  # of the throughput


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency, throughput and memory of a file.

    Attributes:
        all_cores: rounds of the latency of one image in one interpreter with as many threads as cores, ms.
        one_core: the same on one thread, ms.
        throughput: rounds of images a second, by one interpreter of one thread for each core, side by side.
        batch_size: of the throughput: 4, or 1 where the file takes only one image at a time.
        memory_bytes: growth of the resident memory of a fresh process by loading it and running it once at batch 1.
    """

    all_cores: Rounds
    one_core: Rounds
    throughput: Rounds
    batch_size: int
    memory_bytes: int

    @property
    def all_cores_ms(self) -> float:
        """Return the median latency of one image on all cores."""
        return self.all_cores.median

    @property
    def one_core_ms(self) -> float:
        """Return the median latency of one image on one core."""
        return self.one_core.median

    @property
    def images_per_s(self) -> float:
        """Return the median throughput."""
        return self.throughput.median


def measure_latencies(
    files: Mapping[str, Path],
    *,
    num_rounds: int = NUM_ROUNDS,
    num_cores: int | None = None,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> dict[str, Latency]:
    """Time files against each other; takes about half a second for each file and round.

    Args:
        files: `.tflite` files by name; all are loaded at once.
        num_rounds: in each of which every file is timed.
        num_cores: None for all that this process may use.
        seed: of the order within the rounds.
        clock: seconds, monotonic.

    Raises:
        ValueError: LiteRT cannot run a file; the message names it.
    """
    num_cores = num_cores or available_cores()
    one_core = {name: LoadedFile(path, num_threads=1, batch_size=1) for name, path in files.items()}
    all_cores = {name: LoadedFile(path, num_threads=num_cores, batch_size=1) for name, path in files.items()}
    side_by_side = {name: _side_by_side(path, num_cores) for name, path in files.items()}
    latencies = interleave(
        [
            {name: partial(latency_ms, loaded, clock) for name, loaded in one_core.items()},
            {name: partial(latency_ms, loaded, clock) for name, loaded in all_cores.items()},
            {name: partial(images_per_s, loaded, clock) for name, loaded in side_by_side.items()},
        ],
        num_rounds=num_rounds,
        seed=seed,
    )
    return {
        name: Latency(
            one_core=latencies[0][name],
            all_cores=latencies[1][name],
            throughput=latencies[2][name],
            batch_size=side_by_side[name][0].batch_size,
            memory_bytes=memory_bytes(path),
        )
        for name, path in files.items()
    }


def latency_ratio(
    candidate: Path,
    baseline: Path,
    *,
    cores: Literal["one", "all"] = "one",
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> Rounds:
    """Measure the latency of one image as a multiple of a baseline's, in interleaved rounds.

    Raises:
        ValueError: LiteRT cannot run a file; the message names it.
    """
    num_threads = 1 if cores == "one" else available_cores()
    measures = {
        name: partial(latency_ms, LoadedFile(path, num_threads=num_threads, batch_size=1), clock)
        for name, path in (("candidate", candidate), ("baseline", baseline))
    }
    [rounds] = interleave([measures], num_rounds=num_rounds, seed=seed)
    return rounds["candidate"].over(rounds["baseline"])


def _side_by_side(path: Path, num_cores: int) -> list[LoadedFile]:
    try:
        return [LoadedFile(path, num_threads=1, batch_size=BATCH_SIZE) for _ in range(num_cores)]
    except ValueError:  # a file for one image at a time
        return [LoadedFile(path, num_threads=1, batch_size=1) for _ in range(num_cores)]
