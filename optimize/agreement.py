"""Compares the predictions of two files of one model, such as int8 for CPUs and float16 for GPUs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.measuring.metrics import Metrics, measure
from models.pixels.spec import PixelSpec
from models.report import percent
from models.runtime.tensorflow import TensorFlowRuntime
from models.runtime.tensors import Probabilities
from training.dataset import Split, Targets
from training.evaluate import BATCH_SIZE, predict


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two files of one model agree on the test images.

    Attributes:
        labels: fraction of images of which both give the same label.
        before: metrics of the first file.
        after: metrics of the second file.
    """

    labels: float
    before: Metrics
    after: Metrics

    def __str__(self) -> str:
        top1 = f"top-1 {100 * self.before.top1:.2f} % and {self.after}"
        return f"same label for {percent(self.labels)} of the test images; {top1}"


def compare_predictions(before: Probabilities, after: Probabilities, targets: Targets) -> Agreement:
    """Compare probabilities, float32 [N, C] each, of images whose classes are `targets`, int64 [N]."""
    labels = float(np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    return Agreement(labels, measure(before, targets), measure(after, targets))


def predict_saved_model(path: Path, split: Split, pixels: PixelSpec, *, num_classes: int) -> Probabilities:
    """Run a SavedModel on images, on a GPU if there is one; returns float32 [N, C]."""
    shape = (pixels.height_px, pixels.width_px, 3)
    runtime = TensorFlowRuntime(path, input_shape=shape, num_classes=num_classes, batch_sizes=(BATCH_SIZE,))
    with closing(runtime):
        return predict(runtime, split, pixels)
