"""What the answer to one image says: the likeliest labels, whether they are in doubt, and how many it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from models.store.calibration import NONE_LABEL, Calibration
from server.engine.catalogue import ServedModel
from server.request_errors import RequestError


@dataclass(frozen=True, slots=True)
class Ranked:
    """One label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model makes of one image.

    Attributes:
        top_k: the most probable labels, best first.
        is_unsure: the image is likely of none of the classes; None where the model was not published to tell.
        label_set: the fewest labels that hold the right one as often as was asked, best first; None where it was not.
    """

    top_k: tuple[Ranked, ...]
    is_unsure: bool | None = None
    label_set: tuple[Ranked, ...] | None = None


Answer = Prediction | OpsinError


def predict(
    probabilities: NDArray[np.float32], model: ServedModel, *, top_k: int, coverage: float | None = None
) -> Prediction:
    """Say what the probabilities of one image mean.

    Args:
        probabilities: float32 [C].
        model: whose they are.
        top_k: labels wanted; all of them where the model has fewer.
        coverage: in (0, 1): how often the set of labels should hold the right one; None for no set.

    Raises:
        RequestError: a coverage is asked for, and the model was published without calibration.
    """
    best = np.argsort(-probabilities, kind="stable")  # equal ones in the order of the labels
    top = _ranked(best[:top_k], probabilities, model)
    label_set = None
    if coverage is not None:
        least = calibration_of(model).least_probability(coverage)
        num_labels = max(1, int(np.count_nonzero(probabilities >= least)))  # the likeliest is always one of them
        label_set = _ranked(best[:num_labels], probabilities, model)
    return Prediction(top, is_unsure(probabilities, top[0], model) if model.can_be_unsure else None, label_set)


def is_unsure(probabilities: NDArray[np.float32], likeliest: Ranked, model: ServedModel) -> bool:
    """Tell if the image is likely of none of the classes, by the reject class or by the threshold."""
    is_below = model.calibration is not None and model.calibration.is_unsure(probabilities)
    return is_below or likeliest.label == NONE_LABEL


def calibration_of(model: ServedModel) -> Calibration:
    """Return what sets of labels need.

    Raises:
        RequestError: the model was published without it.
    """
    if model.calibration is None or not model.calibration.scores:
        raise RequestError(
            f"model {model.name!r} version {model.version} was published without the calibration that coverage needs; "
            "train or quantize it anew, which publishes a version that has it"
        )
    return model.calibration


def _ranked(indices: NDArray[np.intp], probabilities: NDArray[np.float32], model: ServedModel) -> tuple[Ranked, ...]:
    # In the fewest digits that stand for the same float32: 0.93, not 0.9300000071525574.
    return tuple(Ranked(model.labels[index], float(str(probabilities[index]))) for index in indices)
