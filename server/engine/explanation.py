"""What an image's slot holds beside its probabilities, where it was wanted: why the model answers so.

The engine writes it before it announces the outcome, into memory that is used by images that are explained alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.explanation.classifier_head import ClassifierHead
from server.engine.slot_table import MAX_EXPLANATION_VALUES

NOTHING = 0  # in a slot's `wanted`; higher by FIRST_LABEL than the index of a class, or else:
TOP_LABEL = 1  # the likeliest class
FIRST_LABEL = 2

FeatureShape = tuple[int, int, int]  # height, width and channels of a model's last feature maps


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model gives a class the logit that it gives it.

    Attributes:
        bias: of the class; with the mean of the map it makes the logit.
        class_map: float32 [height, width], what each place adds.
        embedding: float32 [channels], the features that the classifier sees.
    """

    bias: float
    class_map: NDArray[np.float32]
    embedding: NDArray[np.float32]


def num_values(shape: FeatureShape) -> int:
    """Count the numbers of an explanation."""
    height, width, channels = shape
    return 1 + height * width + channels


def has_room_for(shape: FeatureShape) -> bool:
    """Tell whether an explanation fits into a slot."""
    return num_values(shape) <= MAX_EXPLANATION_VALUES


def write_explanation(
    memory: NDArray[np.float32],
    head: ClassifierHead,
    features: NDArray[np.float32],
    *,
    wanted: int,
    probabilities: NDArray[np.float32],
) -> None:
    """Explain an image.

    Args:
        memory: float32, of as many numbers as `num_values` says.
        head: of the model.
        features: float32 [height, width, channels], the last feature maps.
        wanted: as in the slot.
        probabilities: float32 [C].
    """
    label = int(probabilities.argmax()) if wanted == TOP_LABEL else wanted - FIRST_LABEL
    class_map, embedding = head.explained(features, label)
    memory[0] = head.bias[label]
    memory[1 : 1 + class_map.size] = class_map.ravel()
    memory[1 + class_map.size :] = embedding


def read_explanation(memory: NDArray[np.float32], shape: FeatureShape) -> Explanation:
    """Copy what `write_explanation` wrote."""
    height, width, _ = shape
    own = memory.copy()
    end = 1 + height * width
    return Explanation(float(own[0]), own[1:end].reshape(height, width), own[end:])
