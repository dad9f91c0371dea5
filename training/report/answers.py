"""What a model answers on photos that it has not learned from."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.runtime.cores import available_cores
from models.runtime.litert import LiteRTRuntime
from training.dataset import Dataset, Split
from training.evaluate import Probabilities, predict
from training.run import Run


@dataclass(frozen=True)
class Answers:
    """Photos that a model has not learned from, with its answers.

    Attributes:
        part: "test", "validation" or "training".
        split: the photos.
        probabilities: float32 [N, C].
    """

    part: str
    split: Split
    probabilities: Probabilities

    @cached_property
    def confidence(self) -> npt.NDArray[np.floating[Any]]:
        """Largest probability of each answer, [N]."""
        largest: npt.NDArray[np.floating[Any]] = self.probabilities.max(axis=1)
        return largest

    @cached_property
    def likeliest(self) -> npt.NDArray[np.int64]:
        """Index of the likeliest label of each photo, [N]."""
        indices: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return indices

    @cached_property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether that label is the photo's, [N]."""
        right: npt.NDArray[np.bool_] = self.likeliest == self.split.targets
        return right

    @cached_property
    def lead(self) -> npt.NDArray[np.floating[Any]]:
        """Largest probability of each answer minus the second, [N]."""
        two = np.sort(self.probabilities, axis=1)[:, -2:]
        difference: npt.NDArray[np.floating[Any]] = two[:, -1] - two[:, 0]
        return difference


def answers_of(file: Path, run: Run, data: Dataset) -> list[Answers]:
    """Ask an exported file for its answers on test and validation photos, through preprocessing and runtime."""
    pixels = run.config.pixels
    runtime = LiteRTRuntime(
        file,
        input_shape=(pixels.height_px, pixels.width_px, 3),
        num_classes=len(run.labels),
        num_threads=available_cores(),
    )
    parts = {"test": data.test, "validation": data.validation}
    if data.validation is data.test:  # a run of before there were three sets
        del parts["validation"]
    with closing(runtime):
        return [Answers(part, split, predict(runtime, split, pixels)) for part, split in parts.items()]
