"""A version whose answers were counted, so that each figure of its card can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from small_artifacts import small_manifest

from models.store.calibration import Calibration
from models.store.evaluation import Evaluation
from models.store.manifest import Manifest
from models.store.operating_curve import OperatingCurve

LABELS = ("daisy", "rose", "tulip")
# Of 100 images of each class: label, answer, how many of them, and how sure the answer is.
ANSWERS = [
    (0, 0, 98, 0.9),
    (0, 1, 2, 0.5),
    (1, 1, 60, 0.7),
    (1, 2, 40, 0.6),
    (2, 2, 97, 0.9),
    (2, 1, 3, 0.6),
]


def answers() -> tuple[Any, Any]:
    """Probabilities, float32 [300, 3], and targets."""
    rows, targets = [], []
    for label, answer, number, confidence in ANSWERS:
        row = np.full(3, (1 - confidence) / 2, np.float32)
        row[answer] = confidence
        rows += [row] * number
        targets += [label] * number
    return np.stack(rows), np.array(targets)


def counted_manifest(**changes: Any) -> Manifest:
    calibration = Calibration(num_images=300, unsure_below=0.4, scores=(0.1,) * 250 + (0.6,) * 50)
    fields: dict[str, Any] = {
        "labels": LABELS,
        "metrics": {"int8": {"num_images": 300, "top1": 0.85, "top5": 1.0, "ece": 0.021}},
        "calibration": calibration,
        "evaluation": Evaluation.of(*answers(), precision="int8", calibration=calibration),
        "operating_curve": OperatingCurve.of(*answers()),
        "provenance": {
            "command": "python -m optimize quantize --workdir /home/ann/runs/flowers",
            "training_commands": ["python -m training --data /home/ann/flowers.zip --name flowers"],
            "created": "2026-11-29T19:09:10+00:00",
            "parent": "flowers:1",
            "dataset": {
                "name": "flowers",
                "num_train": 1000,
                "num_validation": 300,
                "num_test": 300,
                "sha256": "ab" * 32,
            },
            "machine": {"processor": "A Processor", "num_cores": 2},
            "commit": "0123456789ab",
            "packages": {"numpy": "2.4.6"},
            "line": {
                "published": "flowers:1",
                "num_images": 300,
                "top1_points": -0.3145,
                "top1_points_interval": [-3.553364, 2.928364],
            },
        },
    }
    return small_manifest(**(fields | changes))
