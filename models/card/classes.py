"""What a version is worth class by class, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from models.intervals import wilson
from models.store.evaluation import Evaluation

NUM_TAKEN_FOR = 3


def class_rows(labels: Sequence[str], evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return a row for each class: those with test images first, of these the one that is recognised least.

    `recall` is the fraction of its images that are recognised, `precision` that of the answers naming it that are
    right, each with its 95 % interval (Wilson); None where there is nothing to divide by.
    """
    taken_for: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pair in evaluation.confusions:
        taken_for[pair.label].append({"label": labels[pair.answer], "num_images": pair.num_images})
    counts = zip(labels, evaluation.num_images, evaluation.num_right, evaluation.num_answered, strict=True)
    rows = [
        {
            "label": label,
            "num_images": num_images,
            "num_right": num_right,
            "num_answered": num_answered,
            **_fraction("recall", num_right, num_images),
            # Of a class without test images no answer can be right.
            **_fraction("precision", num_right, num_answered if num_images else 0),
            "taken_for": taken_for[index][:NUM_TAKEN_FOR],
        }
        for index, (label, num_images, num_right, num_answered) in enumerate(counts)
    ]
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"]))


def worst(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the classes that are surely recognised less than all together: even the upper end of their interval is."""
    num_images, num_right = (sum(row[name] for row in rows) for name in ("num_images", "num_right"))
    return [row for row in rows if row["num_images"] and row["recall_interval"][1] < num_right / num_images]


def _fraction(name: str, part: int, whole: int) -> dict[str, Any]:
    value = round(part / whole, 6) if whole else None
    return {name: value, f"{name}_interval": wilson(part, whole).to_list() if whole else None}
