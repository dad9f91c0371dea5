"""What the probabilities of one image say: the likeliest labels, whether they are in doubt, and how many it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.store.calibration import FEW, NONE_LABEL, Calibration
from models.store.operating_points import OperatingPoint


class Ranked(NamedTuple):
    """One label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model makes of one image.

    Attributes:
        top_k: the most probable labels, best first.
        is_unsure: the image is likely of none of the classes; None where the model was not published to tell.
        is_accepted: it is as sure as the operating point of the version asks for; None where none is set.
        label_set: the fewest labels that hold the right one as often as was asked, best first; None where it was not.
    """

    top_k: tuple[Ranked, ...]
    is_unsure: bool | None = None
    is_accepted: bool | None = None
    label_set: tuple[Ranked, ...] | None = None


def read_probabilities(
    probabilities: npt.NDArray[np.float32],
    labels: Sequence[str],
    calibration: Calibration | None = None,
    *,
    top_k: int,
    coverage: float | None = None,
    point: OperatingPoint | None = None,
) -> Prediction:
    """Say what the probabilities of one image mean.

    Args:
        probabilities: float32 [C].
        labels: of the classes, in the same order.
        calibration: of the model; a coverage needs it, with scores.
        top_k: labels wanted; all of them where the model has fewer.
        coverage: in (0, 1): how often the set of labels should hold the right one; None for no set.
        point: from which probability on an answer is accepted; None where that is not set.
    """
    values = probabilities.tolist() if len(labels) <= FEW else probabilities
    best = _best_first(values)
    ranked = _ranked(best[:top_k], probabilities, labels)
    label_set = None
    if coverage is not None and calibration is not None:
        least = calibration.least_probability(coverage)
        num_labels = max(1, int(np.count_nonzero(probabilities >= least)))  # the likeliest is always one of them
        label_set = _ranked(best[:num_labels], probabilities, labels)
    is_unsure = None
    if can_be_unsure(labels, calibration):
        is_below = calibration is not None and calibration.is_unsure(values)
        is_unsure = is_below or ranked[0].label == NONE_LABEL
    is_accepted = None if point is None else point.accepts(int(best[0]), ranked[0].probability)
    return Prediction(ranked, is_unsure, is_accepted, label_set)


def _best_first(probabilities: list[float] | npt.NDArray[np.float32]) -> list[int]:
    """Order the indices of labels by their probability; equal ones stay in the order of the labels."""
    if isinstance(probabilities, list):
        return sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True)
    best: list[int] = (-probabilities).argsort(kind="stable").tolist()
    return best


def _ranked(
    indices: Sequence[int], probabilities: npt.NDArray[np.float32], labels: Sequence[str]
) -> tuple[Ranked, ...]:
    """Name labels by their indices, each with its probability."""
    # In the fewest digits that stand for the same float32: 0.93, not 0.9300000071525574.
    return tuple([Ranked(labels[index], float(str(probabilities[index]))) for index in indices])


def can_be_unsure(labels: Sequence[str], calibration: Calibration | None) -> bool:
    """Tell if a model was published with a way to say that an image is of none of its classes."""
    return (calibration is not None and calibration.unsure_below is not None) or NONE_LABEL in labels
