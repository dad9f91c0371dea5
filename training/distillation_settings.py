"""Defaults and ranges of distillation, which commands check before TensorFlow is loaded."""

from __future__ import annotations

TEACHER_WEIGHT = 0.9
# A teacher that was trained with smoothed labels has little to add at high temperatures (arXiv:1906.02629).
TEMPERATURE = 2.0
# The best of 0, 1, 3 and 10 after 200 steps, pruned to 0.4 of the multiply-accumulates. By hand: no script repeats it.
HINT_WEIGHT = 3.0


def check_teacher(weight: float = TEACHER_WEIGHT, temperature: float = TEMPERATURE, hint_weight: float = 0) -> None:
    """Raise ValueError where a setting of `training.distillation.Distillation` is out of its range."""
    if not 0 <= weight <= 1:
        raise ValueError(f"the weight of the teacher must be in [0, 1], got {weight}")
    if not temperature > 0:
        raise ValueError(f"the temperature must be > 0, got {temperature}")
    if hint_weight < 0:
        raise ValueError(f"hint_weight must be >= 0, got {hint_weight}")
