"""Who is right on which test images: accuracy in all and by class, and what changed against a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.runtime import Runtime
from models.runtime.tensors import Images, Probabilities
from optimize.report.compared import Compared
from training.dataset import Dataset, Targets
from training.evaluate import Metrics, measure, predict


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a model is right.

    Attributes:
        metrics: on all test images.
        by_class: of each label, the fraction of its images that is told right; None where it has no image.
    """

    metrics: Metrics
    by_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a baseline's answers, image by image.

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
        """Half of the 95 % interval of `top1_points`, had the test images been others.

        Agresti and Min, "Simple improved confidence intervals for comparing matched proportions" (2005): half an image
        more of each kind, without which the interval of a small test set is too narrow, or nothing.
        """
        num_images = self.num_images + 2
        changed, gained = self.num_broken + self.num_fixed + 1, self.num_fixed - self.num_broken
        return 100 * 1.96 * math.sqrt(changed - gained**2 / num_images) / num_images


def predict_all(models: Sequence[Compared], data: Dataset, *, num_threads: int) -> dict[str, Probabilities]:
    """Probabilities of every test image, float32 [N, C], by the model's name.

    As `training.publish.measure_file` has them: encoded bytes through preprocessing and LiteRT. Models that want the
    same pixels share the decoding.
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
    """Several runtimes on the same images; their probabilities stand side by side in each row."""

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
    """Figures of predictions, float32 [N, C] by name, against the right labels, int64 [N], and one of them."""
    labels = {name: probabilities.argmax(axis=1) for name, probabilities in predictions.items()}
    by_class = {
        name: _by_class(labels[name] == targets, targets, probabilities.shape[1])
        for name, probabilities in predictions.items()
    }
    return {
        name: (
            Accuracy(measure(predictions[name], targets), by_class[name]),
            _changes(labels[name], labels[baseline], targets, _minus(by_class[name], by_class[baseline])),
        )
        for name in predictions
    }


def _by_class(is_right: npt.NDArray[np.bool_], targets: Targets, num_classes: int) -> tuple[float | None, ...]:
    totals = np.bincount(targets, minlength=num_classes)
    right = np.bincount(targets[is_right], minlength=num_classes)
    return tuple(float(part / total) if total else None for part, total in zip(right, totals, strict=True))


def _minus(own: Sequence[float | None], other: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if a is None or b is None else 100 * (a - b) for a, b in zip(own, other, strict=True))


def _changes(
    labels: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    targets: Targets,
    by_class: tuple[float | None, ...],
) -> Changes:
    is_right, was_right = labels == targets, before == targets
    return Changes(
        num_images=len(targets),
        num_broken=int(np.sum(was_right & ~is_right)),
        num_fixed=int(np.sum(~was_right & is_right)),
        num_swapped=int(np.sum(~was_right & ~is_right & (labels != before))),
        by_class=by_class,
    )
