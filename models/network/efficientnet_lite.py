"""EfficientNet-Lite classifiers: inverted bottlenecks (arXiv:1801.04381) scaled as in arXiv:1905.11946, for int8.

Google's variant for mobile processors has ReLU6 in the place of swish and no squeeze-and-excitation, so that every
operator has an int8 kernel and no activation a range that int8 cannot hold; stem and head are not scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import tf_keras as keras

from models.checks import at_least, one_of, within
from models.network.recorded import Recorded

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99
STEM_WIDTH, HEAD_WIDTH = 32, 1280
MIN_SIDE_PX = 32  # the network halves five times
DROPOUT = 0.2


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: how much wider and deeper than Lite0, and the side of the images it was made for."""

    width: float
    depth: float
    image_px: int


VARIANTS: dict[str, Variant] = {
    "lite0": Variant(1.0, 1.0, 224),
    "lite1": Variant(1.0, 1.1, 240),
    "lite2": Variant(1.1, 1.2, 260),
}


@dataclass(frozen=True, slots=True)
class _Stack:
    """Blocks of one width; the first one changes width and size."""

    num_blocks: int
    kernel_size: int
    stride: int
    expansion: int
    width: int


_STACKS = (
    _Stack(1, 3, 1, 1, 16),
    _Stack(2, 3, 2, 6, 24),
    _Stack(2, 5, 2, 6, 40),
    _Stack(3, 3, 2, 6, 80),
    _Stack(3, 5, 1, 6, 112),
    _Stack(4, 5, 2, 6, 192),
    _Stack(1, 3, 1, 6, 320),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted bottleneck: expand, filter each channel, project; with a shortcut where the size stays.

    Attributes:
        name: "block2a" is the first of the second stack.
        kernel_size: of the depthwise convolution.
        stride: of it.
        expansion: factor of the channels within the block; 1 for no expansion.
        width: channels of its output.
        is_first: of its stack, which has no shortcut.
    """

    name: str
    kernel_size: int
    stride: int
    expansion: int
    width: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class EfficientNetLite(Recorded):
    """One architecture, as `build` takes it and a manifest records it.

    Attributes:
        variant: a key of `VARIANTS`.
        input_shape: height, width, channels.
        num_classes: length of the logits.
        dropout: part of the features that a step of training leaves out in front of the classifier, in [0, 1).
    """

    family: ClassVar[str] = "efficientnet_lite"

    variant: str
    input_shape: tuple[int, int, int]
    num_classes: int
    dropout: float = DROPOUT

    def __post_init__(self) -> None:
        one_of(VARIANTS, variant=self.variant)
        if len(self.input_shape) != 3 or min(self.input_shape[:2]) < MIN_SIDE_PX or self.input_shape[2] < 1:
            raise ValueError(
                f"input_shape must be (height, width, channels), the sides >= {MIN_SIDE_PX}, got {self.input_shape!r}"
            )
        at_least(1, num_classes=self.num_classes)
        within("[0, 1)", dropout=self.dropout)

    @property
    def blocks(self) -> Iterator[Block]:
        """The blocks, in order; as in the reference, the first and the last stack are never deeper."""
        row = VARIANTS[self.variant]
        for number, stack in enumerate(_STACKS, start=1):
            is_end = number in {1, len(_STACKS)}
            num_blocks = stack.num_blocks if is_end else ceil(stack.num_blocks * row.depth)
            for index in range(num_blocks):
                yield Block(
                    name=f"block{number}{'abcdefghij'[index]}",
                    kernel_size=stack.kernel_size,
                    stride=stack.stride if index == 0 else 1,
                    expansion=stack.expansion,
                    width=round_width(stack.width * row.width),
                    is_first=index == 0,
                )

    @classmethod
    def of(
        cls, variant: str, *, input_shape: tuple[int, int, int] | None = None, num_classes: int = 1000
    ) -> EfficientNetLite:
        """Describe a variant; what is not given is as it was trained on ImageNet."""
        one_of(VARIANTS, variant=variant)
        side_px = VARIANTS[variant].image_px
        return cls(variant, (side_px, side_px, 3) if input_shape is None else input_shape, num_classes)


def round_width(width: float) -> int:
    """Round to the nearest multiple of 8 that is at least nine tenths of `width`."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * width else nearest + 8


def build(architecture: EfficientNetLite) -> keras.Model:
    """Build the network, randomly initialised.

    Returns:
        A model from normalized pixels, float [N, H, W, C], to logits, float32 [N, num_classes].
    """
    image = keras.Input(architecture.input_shape, name="image")
    x = _convolved(image, STEM_WIDTH, 3, strides=2, name="conv1")
    for block in architecture.blocks:
        x = _with_block(x, block)
    x = _convolved(x, HEAD_WIDTH, 1, name="top")
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dropout(architecture.dropout, name="dropout")(x)
    # Logits stay float32 under a mixed-precision policy: a float16 softmax cross-entropy loses small gradients.
    logits = keras.layers.Dense(architecture.num_classes, dtype="float32", name="predictions")(x)
    return keras.Model(image, logits, name=f"efficientnet_{architecture.variant}")


def _with_block(x: Any, block: Block) -> Any:
    num_inputs = x.shape[-1]
    y = x
    if block.expansion > 1:
        y = _convolved(y, num_inputs * block.expansion, 1, name=f"{block.name}_expand")
    y = keras.layers.DepthwiseConv2D(
        block.kernel_size,
        strides=block.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{block.name}_depthwise_conv",
    )(y)
    y = _normalized(y, name=f"{block.name}_depthwise")
    y = _convolved(y, block.width, 1, is_linear=True, name=f"{block.name}_project")
    return y if block.is_first else keras.layers.Add(name=f"{block.name}_add")([x, y])


def _convolved(x: Any, width: int, kernel_size: int, *, name: str, strides: int = 1, is_linear: bool = False) -> Any:
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = keras.layers.Conv2D(width, kernel_size, strides=strides, name=f"{name}_conv", **options)(x)
    return _normalized(x, is_linear=is_linear, name=name)


def _normalized(x: Any, *, name: str, is_linear: bool = False) -> Any:
    x = keras.layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=f"{name}_bn")(x)
    return x if is_linear else keras.layers.ReLU(6.0, name=f"{name}_relu6")(x)
