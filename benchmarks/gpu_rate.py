"""How often something is done in a second: as many calls as fill the time, in a few rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.gpu_plan import GPUPlan
from benchmarks.spread import Spread

MAX_CALLS = 100_000


def rates_of(plan: GPUPlan, run: Callable[[int], object], *, per_call: float) -> dict[str, Any]:
    """Measure `per_call` units a call.

    Args:
        plan: how long and in how many rounds.
        run: does so many calls and waits until the last is done.
        per_call: units.

    Returns:
        "rate", the median in units a second, "runs", each round's, and "warm_up_s", of the very first call.
    """
    started_at = time.perf_counter()
    run(1)
    warm_up_s = time.perf_counter() - started_at
    run(2)
    round_s = plan.measure_s / plan.rounds
    num_calls, took_s = 1, _seconds(run, 1)
    while took_s < round_s / 4 and num_calls < MAX_CALLS:
        num_calls *= 2
        took_s = _seconds(run, num_calls)
    num_calls = max(1, min(MAX_CALLS, round(num_calls * round_s / took_s)))
    runs = [per_call * num_calls / _seconds(run, num_calls) for _ in range(plan.rounds)]
    return {"rate": Spread(tuple(runs)).median, "runs": runs, "warm_up_s": warm_up_s}


def _seconds(run: Callable[[int], object], num_calls: int) -> float:
    started_at = time.perf_counter()
    run(num_calls)
    return time.perf_counter() - started_at
