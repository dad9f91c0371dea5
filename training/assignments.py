"""Parses what `--set FIELD=VALUE` says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from models.checks import one_of
from training.config import Augmentation, TrainingConfig


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parse several; of a field that is named twice, the last counts."""
    return dict(parse_assignment(assignment) for assignment in assignments)


def parse_assignment(assignment: str) -> tuple[str, Any]:
    """Parse "epochs=10" or "augmentation.cutout_px=8" as a field of `TrainingConfig` and a value of its type.

    Raises:
        ValueError: no such field, or not a value of its type; the message says what is allowed.
    """
    name, separator, text = assignment.partition("=")
    fields = {name: kind for name, kind in get_type_hints(TrainingConfig).items() if name != "augmentation"}
    fields |= {f"augmentation.{name}": kind for name, kind in get_type_hints(Augmentation).items()}
    if not separator or name not in fields:
        raise ValueError(f"expected FIELD=VALUE with FIELD one of {', '.join(fields)}, got {assignment!r}")
    kind = fields[name]
    if get_origin(kind) is Literal:
        one_of(get_args(kind), **{name: text})
        return name, text
    if kind is bool:
        if text not in {"true", "false"}:
            raise ValueError(f"{name} must be true or false, got {text!r}")
        return name, text == "true"
    number = kind if kind in {int, float, str} else int  # `int | None`: only a number can be given
    try:
        return name, number(text)
    except ValueError:
        raise ValueError(f"{name} must be of type {number.__name__}, got {text!r}") from None
