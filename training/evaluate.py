"""Measure a model on encoded images, through the preprocessing and the runtime that serve it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.pixels.preprocessing import PixelSpec, preprocess
from models.runtime import Runtime
from training.dataset import Split, Targets

Probabilities = npt.NDArray[np.float32]

BATCH_SIZE = 32
NUM_CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of a model on a set of images.

    Attributes:
        num_images: size of the set.
        top1: fraction whose likeliest label is right.
        top5: fraction whose label is among the five likeliest.
        loss: mean negative log-likelihood, nats.
        ece: expected calibration error over 15 bins of equal width (arXiv:1706.04599), fraction in [0, 1].
    """

    num_images: int
    top1: float
    top5: float
    loss: float
    ece: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for a manifest; six decimals, more than any of them means."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def predict(runtime: Runtime, split: Split, spec: PixelSpec) -> Probabilities:
    """Return the probabilities, float32 [N, C], of every image's encoded bytes."""
    parts = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(split), BATCH_SIZE):
            indices = range(start, min(start + BATCH_SIZE, len(split)))
            pixels = pool.map(lambda index: preprocess(split.read(index), spec), indices)
            parts.append(runtime.run(list(pixels)))
    return np.concatenate(parts)


def measure(probabilities: Probabilities, targets: Targets) -> Metrics:
    """Compare probabilities, float [N, C], with targets, int64 [N]; ValueError where they are no numbers."""
    num_lost = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if num_lost:
        raise ValueError(f"the model has no probabilities for {num_lost} of {len(targets)} images: they are nan")
    of_target = probabilities[np.arange(len(targets)), targets]
    rank = (probabilities > of_target[:, None]).sum(axis=1)
    is_right = probabilities.argmax(axis=1) == targets
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * NUM_CALIBRATION_BINS).astype(np.int64), NUM_CALIBRATION_BINS - 1)
    calibration_gaps = np.bincount(bins, weights=confidence - is_right, minlength=NUM_CALIBRATION_BINS)
    return Metrics(
        num_images=len(targets),
        top1=float(np.mean(is_right)),
        top5=float(np.mean(rank < 5)),
        loss=float(-np.mean(np.log(np.maximum(of_target, 1e-12)))),
        ece=float(np.abs(calibration_gaps).sum() / len(targets)),
    )


def confusion_matrix(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.int64]:
    """Count images, int64 [C, C]; the row is the image's label, the column the likeliest one."""
    num_classes = probabilities.shape[1]
    cells = targets * num_classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
