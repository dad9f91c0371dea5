"""The families of networks that can be built, by the name that a manifest gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tf_keras as keras

from models.checks import one_of
from models.network import efficientnet_lite, resnet_v2
from models.network.efficientnet_lite import EfficientNetLite
from models.network.resnet_v2 import ResNetV2

Architecture = ResNetV2 | EfficientNetLite

FAMILIES: dict[str, type[ResNetV2] | type[EfficientNetLite]] = {
    kind.family: kind for kind in (ResNetV2, EfficientNetLite)
}


def build(architecture: Architecture) -> keras.Model:
    """Build a network, randomly initialised.

    Returns:
        A model from normalized pixels, float [N, H, W, C], to logits, float32 [N, num_classes]; its last layers are
        `avg_pool` and `predictions`.
    """
    if isinstance(architecture, EfficientNetLite):
        return efficientnet_lite.build(architecture)
    return resnet_v2.build(architecture)


def architecture_from_dict(values: Mapping[str, Any]) -> Architecture:
    """Read the JSON form of an architecture, as a manifest has it.

    Raises:
        ValueError: no such family, or a field is missing, unknown or not allowed.
    """
    family = values.get("family")
    one_of(FAMILIES, family=family)
    return FAMILIES[str(family)].from_dict(values)
