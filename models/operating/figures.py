"""What accepting only sure answers gives: of one threshold for all classes, and of the operating point that is set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.intervals import wilson
from models.store.manifest import Manifest
from models.store.operating_curve import Accepted, OperatingCurve
from models.store.operating_points import OperatingPoint

FEW = 30  # accepted images of a class, of which fewer say little
SHOWN = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)  # of thresholds for all classes


def curve_rows(curve: OperatingCurve) -> list[dict[str, Any]]:
    """Return a row for some thresholds that are the same for all classes."""
    num_classes = len(curve.num_images)
    return [{"threshold": each, **of_all(curve, (each,) * num_classes)} for each in SHOWN]


def curve_table(manifest: Manifest) -> dict[str, Any] | None:
    """Return the curve of a version, with figures of some thresholds and of each class; None without a curve."""
    if (curve := manifest.operating_curve) is None:
        return None
    every = class_rows(manifest, (0.0,) * len(manifest.labels))
    return {**curve.to_dict(), "by_threshold": curve_rows(curve), "classes": every}


def of_all(curve: OperatingCurve, thresholds: Sequence[float | None]) -> dict[str, Any]:
    """Return the figures of all classes together, each at its threshold, and the share of answers that is accepted."""
    accepted = curve.of_all(thresholds)
    return {"share_accepted": round(accepted.num_accepted / accepted.num_images, 6), **_figures(accepted)}


def point_rows(manifest: Manifest, point: OperatingPoint | None) -> dict[str, Any] | None:
    """Return the operating point with what it gives on the validation images, by class; None where none is set.

    Figures are None where the manifest has no curve, or nothing is accepted.
    """
    if point is None:
        return None
    curve = manifest.operating_curve
    return {
        "asked": point.asked,
        "classes": class_rows(manifest, point.thresholds),
        "of_all": of_all(curve, point.thresholds) if curve else None,
    }


def class_rows(manifest: Manifest, thresholds: tuple[float | None, ...]) -> list[dict[str, Any]]:
    """Return a row for each class at its threshold, in the order of the labels."""
    curve = manifest.operating_curve
    return [
        {
            "label": label,
            "threshold": threshold,
            **_figures(curve.of_class(index, threshold) if curve else None),
        }
        for index, (label, threshold) in enumerate(zip(manifest.labels, thresholds, strict=True))
    ]


def _figures(accepted: Accepted | None) -> dict[str, Any]:
    if accepted is None:
        return dict.fromkeys(("num_accepted", "num_right", "num_images", "precision", "precision_interval", "recall"))
    num_accepted, num_right, num_images = accepted
    return {
        "num_accepted": num_accepted,
        "num_right": num_right,
        "num_images": num_images,
        "precision": None if accepted.precision is None else round(accepted.precision, 6),
        "precision_interval": wilson(num_right, num_accepted).to_list() if num_accepted else None,
        "recall": None if accepted.recall is None else round(accepted.recall, 6),
    }
