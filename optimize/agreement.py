"""How alike two files of one model answer: the int8 one for CPUs, say, and the float16 one for GPUs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.pixels.spec import PixelSpec
from models.runtime.tensorflow import TensorFlowRuntime
from models.runtime.tensors import Probabilities
from training.dataset import Split, Targets
from training.evaluate import BATCH_SIZE, Metrics, measure, predict


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two files of one model answer on the test images.

    Attributes:
        labels: fraction of images of which both give the same label.
        before: figures of the file that was there.
        after: figures of the other.
    """

    labels: float
    before: Metrics
    after: Metrics

    def __str__(self) -> str:
        top1 = f"top-1 {self.before.top1:.2%} and {self.after.top1:.2%}"
        return f"same label for {self.labels:.2%} of the test images; {top1}"


def compare_answers(before: Probabilities, after: Probabilities, targets: Targets) -> Agreement:
    """Compare probabilities, float32 [N, C] each, of images whose classes are `targets`, int64 [N]."""
    labels = float(np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    return Agreement(labels, measure(before, targets), measure(after, targets))


def predict_saved_model(path: Path, split: Split, pixels: PixelSpec, *, num_classes: int) -> Probabilities:
    """What a SavedModel for GPUs says of images, float32 [N, C], on a GPU where there is one."""
    shape = (pixels.height_px, pixels.width_px, 3)
    runtime = TensorFlowRuntime(path, input_shape=shape, num_classes=num_classes, batch_sizes=(BATCH_SIZE,))
    with closing(runtime):
        return predict(runtime, split, pixels)
