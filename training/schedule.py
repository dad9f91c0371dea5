"""Learning rate as a pure function of the step."""

from __future__ import annotations

import math


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up to `peak`, then half a cosine down to zero (arXiv:1608.03983, without restarts).

    Args:
        step: 0 .. total_steps - 1.
        peak: the highest learning rate, reached at step `warmup_steps`.
        warmup_steps: may be 0.
        total_steps: the step at which the learning rate would be zero.
    """
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError(f"warmup_steps must be in 0..total_steps ({total_steps}), got {warmup_steps}")
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
