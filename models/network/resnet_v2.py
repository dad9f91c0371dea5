"""ResNet-v2 (pre-activation) classifiers, from CIFAR's ResNet-20 to ResNet-152, built from one table.

Papers: arXiv:1603.05027 (pre-activation residual units), arXiv:1912.11370 (group normalization with weight
standardization). The 7x7-stem variants 50, 101 and 152 have the layers and layer names of Keras Applications' ResNetV2,
so weights copy over by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, ClassVar, Literal

import tf_keras as keras

from models.checks import at_least, one_of
from models.network.layers import GroupNormalization, WeightStandardizedConv2D
from models.network.recorded import Recorded

Norm = Literal["batch", "group"]
NORMS: tuple[Norm, ...] = ("batch", "group")

BN_EPSILON = 1.001e-5  # that of Keras Applications
BN_MOMENTUM = 0.9  # Keras' 0.99 takes hundreds of steps to forget the initial statistics; a small data set has fewer
MAX_GROUPS = 32  # arXiv:1912.11370, section 3.1


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: the shape of one member of the family."""

    block: Literal["basic", "bottleneck"]
    blocks_per_stack: tuple[int, ...]
    stem: Literal["imagenet", "cifar"]

    @property
    def default_input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the data set that the variant was made for."""
        return (224, 224, 3) if self.stem == "imagenet" else (32, 32, 3)

    @property
    def default_num_classes(self) -> int:
        """The number of classes of the data set that the variant was made for."""
        return 1000 if self.stem == "imagenet" else 10

    @property
    def num_inner(self) -> int:
        """Number of places between two convolutions of a block."""
        return 2 if self.block == "bottleneck" else 1

    @property
    def expansion(self) -> int:
        """Ratio of a block's channels in the stream to those within it."""
        return 4 if self.block == "bottleneck" else 1

    @property
    def strides(self) -> list[list[int]]:
        """Strides of each stack's blocks: Keras Applications halve in the last block, CIFAR networks in the first."""
        stacks = [[1] * num_blocks for num_blocks in self.blocks_per_stack]
        if self.stem == "imagenet":
            for stack in stacks[:-1]:
                stack[-1] = 2
        else:
            for stack in stacks[1:]:
                stack[0] = 2
        return stacks

    @property
    def default_width(self) -> int:
        """Channels of the first stack, before a bottleneck's expansion; each following stack doubles them."""
        return 64 if self.stem == "imagenet" else 16


VARIANTS: dict[str, Variant] = {
    "18": Variant("basic", (2, 2, 2, 2), "imagenet"),
    "34": Variant("basic", (3, 4, 6, 3), "imagenet"),
    "50": Variant("bottleneck", (3, 4, 6, 3), "imagenet"),
    "101": Variant("bottleneck", (3, 4, 23, 3), "imagenet"),
    "152": Variant("bottleneck", (3, 8, 36, 3), "imagenet"),
    "8": Variant("basic", (1, 1, 1), "cifar"),
    "14": Variant("basic", (2, 2, 2), "cifar"),
    "20": Variant("basic", (3, 3, 3), "cifar"),
    "56": Variant("basic", (9, 9, 9), "cifar"),
    "110": Variant("basic", (18, 18, 18), "cifar"),
    "164": Variant("bottleneck", (18, 18, 18), "cifar"),
}


@dataclass(frozen=True, slots=True)
class ResNetV2(Recorded):
    """One architecture, as `build` takes it and a manifest records it.

    Attributes:
        variant: a key of `VARIANTS`.
        input_shape: height, width, channels.
        num_classes: length of the logits.
        width: channels of the first stack; the standard networks have 64 (7x7 stem) and 16 (CIFAR).
        norm: "batch", or "group" for group normalization with weight-standardized convolutions.
        stream_widths: channels of the residual stream in each stack, where channels were pruned; else None.
        inner_widths: channels between the convolutions of each block, in order: one number for a basic block, two for
            a bottleneck; where channels were pruned, else None.
    """

    family: ClassVar[str] = "resnet_v2"

    variant: str
    input_shape: tuple[int, int, int]
    num_classes: int
    width: int
    norm: Norm = "batch"
    stream_widths: tuple[int, ...] | None = None
    inner_widths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        one_of(VARIANTS, variant=self.variant)
        one_of(NORMS, norm=self.norm)
        if len(self.input_shape) != 3 or min(self.input_shape) < 1:
            raise ValueError(f"input_shape must be (height, width, channels), each >= 1, got {self.input_shape!r}")
        at_least(1, num_classes=self.num_classes, width=self.width)
        row = VARIANTS[self.variant]
        _check_widths("stream_widths", self.stream_widths, len(row.blocks_per_stack))
        _check_widths("inner_widths", self.inner_widths, sum(row.blocks_per_stack) * row.num_inner)

    @property
    def streams(self) -> tuple[int, ...]:
        """Channels of the residual stream in each stack."""
        row = VARIANTS[self.variant]
        standard = tuple(row.expansion * self.width * 2**index for index in range(len(row.blocks_per_stack)))
        return standard if self.stream_widths is None else self.stream_widths

    @property
    def inner(self) -> tuple[int, ...]:
        """Channels between the convolutions of each block, in order."""
        row = VARIANTS[self.variant]
        standard = tuple(
            self.width * 2**index
            for index, num_blocks in enumerate(row.blocks_per_stack)
            for _ in range(num_blocks * row.num_inner)
        )
        return standard if self.inner_widths is None else self.inner_widths

    @property
    def stem(self) -> int:
        """Channels of the first convolution, to whose output basic blocks add."""
        return self.streams[0] if VARIANTS[self.variant].block == "basic" else self.width

    @classmethod
    def of(
        cls,
        variant: str,
        *,
        input_shape: tuple[int, int, int] | None = None,
        num_classes: int | None = None,
        width: int | None = None,
        norm: Norm = "batch",
    ) -> ResNetV2:
        """Describe a variant; what is not given comes from the table."""
        one_of(VARIANTS, variant=variant)
        row = VARIANTS[variant]
        return cls(
            variant=variant,
            input_shape=row.default_input_shape if input_shape is None else input_shape,
            num_classes=row.default_num_classes if num_classes is None else num_classes,
            width=row.default_width if width is None else width,
            norm=norm,
        )


def _check_widths(name: str, widths: tuple[int, ...] | None, num: int) -> None:
    if widths is not None and (len(widths) != num or min(widths) < 1):
        raise ValueError(f"{name} must be {num} numbers >= 1, got {widths!r}")


def build(architecture: ResNetV2) -> keras.Model:
    """Build the network, randomly initialised.

    Returns:
        A model from normalized pixels, float [N, H, W, C], to logits, float32 [N, num_classes].
    """
    variant = VARIANTS[architecture.variant]
    layers = _Layers(architecture.norm)
    image = keras.Input(architecture.input_shape, name="image")
    if variant.stem == "imagenet":
        x = keras.layers.ZeroPadding2D(3, name="conv1_pad")(image)
        x = layers.conv(x, architecture.stem, 7, strides=2, padding="valid", use_bias=True, name="conv1_conv")
        x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = keras.layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    else:
        x = layers.conv(image, architecture.stem, 3, name="conv1_conv")
    add_block = _bottleneck_block if variant.block == "bottleneck" else _basic_block
    inner = iter(architecture.inner)
    for index, (strides, stream) in enumerate(zip(variant.strides, architecture.streams, strict=True)):
        for number, stride in enumerate(strides, start=1):
            widths = (*islice(inner, variant.num_inner), stream)
            # The stem of basic blocks already has as many channels as the first stack.
            is_projected = number == 1 and (index > 0 or variant.block == "bottleneck")
            name = f"conv{index + 2}_block{number}"
            x = add_block(layers, x, widths, stride=stride, is_projected=is_projected, name=name)
    x = layers.norm_relu(x, name="post")
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    # Logits stay float32 under a mixed-precision policy: a float16 softmax cross-entropy loses small gradients.
    logits = keras.layers.Dense(architecture.num_classes, dtype="float32", name="predictions")(x)
    return keras.Model(image, logits, name=f"resnet{architecture.variant}v2")


class _Layers:
    """Adds the layers that depend on the kind of normalization, and numbers pools, which have no other name."""

    def __init__(self, norm: Norm) -> None:
        self._norm = norm
        self._pools = count()

    def conv(self, x: Any, filters: int, kernel_size: int, *, name: str, **options: Any) -> Any:
        options = {"use_bias": False, "padding": "same", "kernel_initializer": "he_normal", **options}
        layer = keras.layers.Conv2D if self._norm == "batch" else WeightStandardizedConv2D
        return layer(filters, kernel_size, name=name, **options)(x)

    def norm_relu(self, x: Any, *, name: str) -> Any:
        if self._norm == "batch":
            x = keras.layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=f"{name}_bn")(x)
        else:
            groups = math.gcd(MAX_GROUPS, x.shape[-1])
            x = GroupNormalization(groups, epsilon=BN_EPSILON, name=f"{name}_gn")(x)
        return keras.layers.Activation("relu", name=f"{name}_relu")(x)

    def subsample(self, x: Any, stride: int) -> Any:
        # Keras Applications leaves these to the automatic names of a fresh session; spelled out, they never change.
        index = next(self._pools)
        name = "max_pooling2d" if index == 0 else f"max_pooling2d_{index}"
        return keras.layers.MaxPooling2D(1, strides=stride, name=name)(x)

    def shortcut(self, x: Any, preact: Any, filters: int, *, stride: int, is_projected: bool, name: str) -> Any:
        if is_projected:
            return self.conv(preact, filters, 1, strides=stride, use_bias=True, name=f"{name}_0_conv")
        return self.subsample(x, stride) if stride > 1 else x


def _bottleneck_block(
    layers: _Layers, x: Any, widths: tuple[int, ...], *, stride: int, is_projected: bool, name: str
) -> Any:
    first, second, stream = widths
    preact = layers.norm_relu(x, name=f"{name}_preact")
    shortcut = layers.shortcut(x, preact, stream, stride=stride, is_projected=is_projected, name=name)
    x = layers.conv(preact, first, 1, name=f"{name}_1_conv")
    x = layers.norm_relu(x, name=f"{name}_1")
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.conv(x, second, 3, strides=stride, padding="valid", name=f"{name}_2_conv")
    x = layers.norm_relu(x, name=f"{name}_2")
    x = layers.conv(x, stream, 1, use_bias=True, name=f"{name}_3_conv")
    return keras.layers.Add(name=f"{name}_out")([shortcut, x])


def _basic_block(
    layers: _Layers, x: Any, widths: tuple[int, ...], *, stride: int, is_projected: bool, name: str
) -> Any:
    inner, stream = widths
    preact = layers.norm_relu(x, name=f"{name}_preact")
    shortcut = layers.shortcut(x, preact, stream, stride=stride, is_projected=is_projected, name=name)
    x = layers.conv(preact, inner, 3, strides=stride, name=f"{name}_1_conv")
    x = layers.norm_relu(x, name=f"{name}_1")
    x = layers.conv(x, stream, 3, name=f"{name}_2_conv")
    return keras.layers.Add(name=f"{name}_out")([shortcut, x])
