"""The answer to one image: what its probabilities say, or why there are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.answers import Prediction, read_probabilities
from models.errors import OpsinError
from models.store.calibration import Calibration
from server.engine.catalogue import ServedModel
from server.request_errors import RequestError

Answer = Prediction | OpsinError


def predict(
    probabilities: NDArray[np.float32], model: ServedModel, *, top_k: int, coverage: float | None = None
) -> Prediction:
    """Say what the probabilities of one image mean, as `read_probabilities` does.

    Args:
        probabilities: float32 [C].
        model: whose they are.
        top_k: labels wanted; all of them where the model has fewer.
        coverage: in (0, 1): how often the set of labels should hold the right one; None for no set.

    Raises:
        RequestError: a coverage is asked for, and the model was published without calibration.
    """
    calibration = model.calibration if coverage is None else calibration_of(model)
    return read_probabilities(
        probabilities, model.labels, calibration, top_k=top_k, coverage=coverage, point=model.point
    )


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
