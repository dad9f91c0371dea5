"""Measure accuracy on the test images, in all and by class, and what changed against a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.runtime import Runtime
from models.runtime.tensors import Images, Probabilities
from optimize.report.compared import Compared
from training.dataset import Dataset, Targets
from training.evaluate import Metrics, measure, predict
from training.intervals import paired


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a model is right.

    Attributes:
        metrics: on all test images.
        by_class: of each label, the fraction of its images that is classified right; None where it has no image.
    """

    metrics: Metrics
    by_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """How a model's labels differ from the baseline's, image by image.

    Attributes:
        num_images: compared.
        num_broken: right with the baseline, wrong now.
        num_fixed: wrong with the baseline, right now.
        num_swapped: wrong both times, with another label.
        by_class: of each label, its accuracy minus the baseline's, in points; None where it has no image.
    """

    num_images: int
    num_broken: int
    num_fixed: int
    num_swapped: int
    by_class: tuple[float | None, ...]

    @property
    def churn(self) -> float:
        """Fraction of the images whose label changed."""
        return (self.num_broken + self.num_fixed + self.num_swapped) / self.num_images

    @property
    def agreement(self) -> float:
        """Fraction of the images whose label stayed."""
        return 1 - self.churn

    @property
    def top1_points(self) -> float:
        """Top-1 accuracy minus the baseline's, in points."""
        return 100 * (self.num_fixed - self.num_broken) / self.num_images

    @property
    def margin_points(self) -> float:
        """Half of the 95 % interval of `top1_points`, had the test images been others."""
        low, high = paired(self.num_broken, self.num_fixed, self.num_images)
        return 100 * (high - low) / 2


def predict_all(models: Sequence[Compared], data: Dataset, *, num_threads: int) -> dict[str, Probabilities]:
    """Predict the probabilities of every test image, float32 [N, C], with each model; returns them by its name.

    Encoded bytes go through preprocessing and LiteRT, as in `training.publish.measure_file`. Models that want the same
    pixels share the decoding.
    """
    num_classes = len(data.labels)
    found: dict[str, Probabilities] = {}
    for pixels in dict.fromkeys(model.pixels for model in models):
        together = [model for model in models if model.pixels == pixels]
        side_by_side = _SideBySide([model.load(num_classes=num_classes, num_threads=num_threads) for model in together])
        try:
            columns = predict(side_by_side, data.test, pixels)
        finally:
            side_by_side.close()
        parts = np.split(columns, len(together), axis=1)
        found |= {model.name: part for model, part in zip(together, parts, strict=True)}
    return found


class _SideBySide:
    """Run several runtimes on the same images, and put their probabilities side by side in each row."""

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._runtimes = runtimes

    def run(self, images: Images) -> Probabilities:
        return np.concatenate([runtime.run(images) for runtime in self._runtimes], axis=1)

    def close(self) -> None:
        for runtime in self._runtimes:
            runtime.close()


def measure_all(
    predictions: Mapping[str, Probabilities], targets: Targets, *, baseline: str
) -> dict[str, tuple[Accuracy, Changes]]:
    """Compare predictions, float32 [N, C] by name, with the right labels, int64 [N], and with the baseline's."""
    labels = {name: probabilities.argmax(axis=1) for name, probabilities in predictions.items()}
    accuracies = {
        name: Accuracy(
            measure(probabilities, targets),
            _by_class(labels[name] == targets, targets, num_classes=probabilities.shape[1]),
        )
        for name, probabilities in predictions.items()
    }
    was_right, base = labels[baseline] == targets, accuracies[baseline]
    compared = {}
    for name, accuracy in accuracies.items():
        is_right, is_other = labels[name] == targets, labels[name] != labels[baseline]
        pairs = zip(accuracy.by_class, base.by_class, strict=True)
        changes = Changes(
            num_images=len(targets),
            num_broken=int(np.sum(was_right & ~is_right)),
            num_fixed=int(np.sum(~was_right & is_right)),
            num_swapped=int(np.sum(~was_right & ~is_right & is_other)),
            by_class=tuple(None if own is None or was is None else 100 * (own - was) for own, was in pairs),
        )
        compared[name] = accuracy, changes
    return compared


def _by_class(is_right: npt.NDArray[np.bool_], targets: Targets, *, num_classes: int) -> tuple[float | None, ...]:
    totals = np.bincount(targets, minlength=num_classes)
    right = np.bincount(targets[is_right], minlength=num_classes)
    return tuple(float(part / total) if total else None for part, total in zip(right, totals, strict=True))
