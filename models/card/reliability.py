"""The reliability diagram: how often answers are right, by how sure they are: rows, and points of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.intervals import wilson
from models.store.evaluation import NUM_BINS, Evaluation

SIDE = 300  # of the picture, in its own units


def reliability_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return a row for each range of confidence that has answers; the least sure first."""
    return [
        {
            "from": round(place / NUM_BINS, 6),
            "to": round((place + 1) / NUM_BINS, 6),
            "num_images": each.num_images,
            "num_right": each.num_right,
            "mean_confidence": each.mean_confidence,
            "accuracy": round(each.num_right / each.num_images, 6),
            "interval": wilson(each.num_right, each.num_images).to_list(),
        }
        for place, each in enumerate(evaluation.reliability)
        if each.num_images
    ]


def points(rows: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """Return where each row lies in the picture, whose origin is its upper left corner; larger are of more images."""
    most = max((row["num_images"] for row in rows), default=1)
    return [
        {
            "x": round(SIDE * row["mean_confidence"], 1),
            "y": round(SIDE * (1 - row["accuracy"]), 1),
            "low": round(SIDE * (1 - row["interval"][0]), 1),
            "high": round(SIDE * (1 - row["interval"][1]), 1),
            "radius": round(3 + 6 * (row["num_images"] / most) ** 0.5, 1),
        }
        for row in rows
    ]
