"""Times runtimes in rounds, as an engine uses them: one image on all cores, and one on each core side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.runtime import Runtime
from models.runtime.tensors import Images

TIMED_S = 1.0  # in all, where a run takes no longer than a third of a second
MIN_ROUNDS = 3
USUAL_ROUNDS = 5

Clock = Callable[[], float]


class Loaded:
    """A runtime, loaded as often as an engine loads it.

    Args:
        lone: on all cores.
        side_by_side: on one core each.
        clock: seconds, monotonic.
    """

    def __init__(self, lone: Runtime, side_by_side: Sequence[Runtime], *, clock: Clock = time.perf_counter) -> None:
        self.lone = lone
        self._side_by_side, self._clock = list(side_by_side), clock
        self._threads = ThreadPoolExecutor(len(self._side_by_side))

    def num_calls(self, images: Images, turn_s: float) -> int:
        """Return how many runs of one image on one core fit into a turn, at least one."""
        started = self._clock()
        self._side_by_side[0].run(images[:1])
        return max(1, math.floor(turn_s / max(1e-9, self._clock() - started)))

    def lone_s(self, images: Images, num_calls: int) -> float:
        """Time an image on all cores, in seconds."""
        started = self._clock()
        _run(self.lone, images, num_calls)
        return (self._clock() - started) / num_calls

    def side_by_side_s(self, images: Images, num_calls: int) -> float:
        """Time images on one core each, in seconds an image."""
        started = self._clock()
        runs = [self._threads.submit(_run, runtime, images, num_calls) for runtime in self._side_by_side]
        for run in runs:
            run.result()
        return (self._clock() - started) / (num_calls * len(runs))

    def close(self) -> None:
        """Free the memory."""
        self._threads.shutdown()
        for runtime in (self.lone, *self._side_by_side):
            runtime.close()


@dataclass(frozen=True, slots=True)
class Timing:
    """Rounds of both quantities; equal indices of two runtimes are of the same round.

    Attributes:
        lone_s: seconds of one image on all cores.
        side_by_side_s: seconds an image, of those that run on one core each.
    """

    lone_s: tuple[float, ...]
    side_by_side_s: tuple[float, ...]

    def speeds(self, baseline: Timing) -> tuple[float, ...]:
        """Return how many times as fast as a baseline it was in each round: the geometric mean of both quantities."""
        ratios = np.divide((baseline.lone_s, baseline.side_by_side_s), (self.lone_s, self.side_by_side_s))
        return tuple(np.sqrt(ratios.prod(axis=0)).tolist())


def time_in_rounds(
    runtimes: Mapping[str, Loaded], images: Images, *, timed_s: float = TIMED_S, clock: Clock = time.perf_counter
) -> dict[str, Timing]:
    """Time each in every round, in turns that are as long for all, the order reversed from round to round.

    So what else the machine does meets all alike, and a model's weights are in the caches as they are when it serves.

    Args:
        runtimes: warm.
        images: that they run, one after the other.
        timed_s: after which no further round begins, if there have been MIN_ROUNDS.
        clock: seconds, monotonic.
    """
    turn_s = timed_s / (2 * USUAL_ROUNDS * len(runtimes))
    num_calls = {name: loaded.num_calls(images, turn_s) for name, loaded in runtimes.items()}
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in runtimes}
    order, end = list(runtimes), clock() + timed_s
    while len(rounds[order[0]]) < MIN_ROUNDS or clock() < end:
        for name in order:
            timed = runtimes[name].lone_s, runtimes[name].side_by_side_s
            lone_s, side_by_side_s = (time_it(images, num_calls[name]) for time_it in timed)
            rounds[name].append((lone_s, side_by_side_s))
        order.reverse()
    return {name: Timing(*zip(*values, strict=True)) for name, values in rounds.items()}


def _run(runtime: Runtime, images: Images, num_calls: int) -> None:
    for call in range(num_calls):
        place = call % len(images)
        runtime.run(images[place : place + 1])
