"""Measure accuracy on the test images, in all and by class, and what changed against a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.measuring.intervals import Interval, wilson
from models.measuring.metrics import Metrics, measure, recalls
from models.runtime import Runtime
from models.runtime.tensors import Images, Probabilities
from optimize.changes import Changes, compare
from optimize.report.compared import Compared
from training.dataset import Dataset, Targets
from training.evaluate import predict


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a model is right.

    Attributes:
        metrics: on all test images.
        by_class: of each label, the fraction of its images that is classified right; None where it has no image.
    """

    metrics: Metrics
    by_class: tuple[float | None, ...]

    @property
    def interval(self) -> Interval:
        """The 95 % interval of top-1, had the images been others; both ends in [0, 1]."""
        num_images = self.metrics.num_images
        return wilson(round(self.metrics.top1 * num_images), num_images)


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
    accuracies = {
        name: Accuracy(
            measure(probabilities, targets),
            recalls(probabilities.argmax(axis=1) == targets, targets, num_classes=probabilities.shape[1]),
        )
        for name, probabilities in predictions.items()
    }
    return {
        name: (accuracy, compare(predictions[baseline], predictions[name], targets))
        for name, accuracy in accuracies.items()
    }
