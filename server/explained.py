"""Why a model answers as it does: what a request may ask of that, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageError
from models.explanation.place import Place, place_of
from models.pixels.preprocessing import Pixels, ReadImage
from server.engine.catalogue import ServedModel
from server.engine.explanation import FIRST_LABEL, TOP_LABEL, Explanation
from server.engine.slot import Slot
from server.engine.slot_table import MAX_EXPLANATION_VALUES
from server.request_errors import NotExplainable, RequestError

FORMATS = ("png", "numbers", "picture")  # of an explanation, the first unless another is asked for
MAX_VALUES = MAX_EXPLANATION_VALUES - 1  # beside the bias
MAX_NAMED_LABELS = 20  # in a message


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a model answers as it does to an image, and where in the picture it looked.

    Attributes:
        label: index of the class that is explained.
        explanation: what speaks for it.
        place: of the map; None where pixels came in place of a picture.
    """

    label: int
    explanation: Explanation
    place: Place | None


def wanted_of(model: ServedModel, label: str | None) -> int:
    """Tell a slot what to explain.

    Args:
        model: that is asked.
        label: the class; None for the likeliest.

    Raises:
        NotExplainable: the model's answers cannot be.
        RequestError: it has no such class.
    """
    require_explainable(model)
    if label is None:
        return TOP_LABEL
    if label not in model.labels:
        first = ", ".join(model.labels[:MAX_NAMED_LABELS])
        others = len(model.labels) - MAX_NAMED_LABELS
        known = f"{first} and {others:,} more" if others > 0 else first
        raise RequestError(
            f"explain must be true, false or a class of model {model.name!r}, which are {known}; got {label[:40]!r}"
        )
    return FIRST_LABEL + model.labels.index(label)


def require_explainable(model: ServedModel) -> None:
    """Raise NotExplainable where a model's answers cannot be."""
    if model.feature_shape is None:
        raise NotExplainable(
            f"answers of model {model.name!r} version {model.version} cannot be explained: its network does not end in "
            f"global average pooling and one dense layer, or map and embedding have more than {MAX_VALUES:,} values"
        )


def place_in(image: ReadImage | ImageError | Pixels, model: ServedModel) -> Place | None:
    """Say where a model looks in a picture; None where there is none."""
    return place_of(image.encoded, model.pixels) if isinstance(image, ReadImage) else None


def explained(probabilities: NDArray[np.float32], slot: Slot, wanted: int, place: Place | None) -> Explained:
    """Take from a slot why the model answers so, once its result is there."""
    label = int(probabilities.argmax()) if wanted == TOP_LABEL else wanted - FIRST_LABEL
    return Explained(label, slot.explanation(), place)
