"""The network that a configuration asks for."""

from __future__ import annotations

from models.resnet_v2 import ResNetV2
from training.config import TrainingConfig


def architecture_of(config: TrainingConfig, *, num_classes: int) -> ResNetV2:
    """The ResNet-v2 of a configuration, for `num_classes` classes."""
    return ResNetV2.of(
        config.variant,
        input_shape=(config.image_px, config.image_px, 3),
        num_classes=num_classes,
        width=config.width,
        norm=config.norm,
    )
