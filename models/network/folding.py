"""A ResNet-v2 without its batch normalizations: the same function, for deployment, with less to compute.

A converter folds a batch normalization into the convolution before it. In a pre-activation network (arXiv:1603.05027)
half of them follow an addition instead, and would stay: a multiplication and an addition over the largest tensors of
the network. They fold as well, because for a positive scale

    relu(scale * x + shift)  =  scale * relu(x + shift / scale)

The scale goes into the weights that read it. The offset, shift / scale, goes into the residual stream: the network
carries x + offset in the place of x, with another offset in front of each block, and the last convolution of a block
has the difference as its bias. What is left between two convolutions is one addition and one ReLU.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

Vector = npt.NDArray[np.float32]

MAX_OFFSET = 16.0  # standard deviations of x; a larger one would take all the range of int8 for itself
_BLOCK = re.compile(r"(conv\d+_block\d+)_preact_bn")


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """Make a model of the same function, to rounding, without batch normalization.

    Args:
        model: as `models.network.resnet_v2.build` makes it, whatever its widths; it does not change.

    Returns:
        A model of convolutions, additions and ReLUs; convolutions have the names they had. Where one of the scales
        after an addition is not positive, or an offset is beyond `MAX_OFFSET`, a depthwise 1x1 convolution takes the
        place of the batch normalization and its ReLU, under its name. One also subsamples, where a shortcut was a pool
        of 1x1. A model that is no ResNet-v2 with batch normalization is returned as it is: those of
        EfficientNet-Lite stand behind convolutions, into which a converter folds them.
    """
    names = {layer.name for layer in model.layers}
    return _Folding(model).build() if {"conv1_conv", "post_bn"} <= names else model


@dataclass(frozen=True, slots=True)
class _Affine:
    """A batch normalization as scale * x + shift."""

    scale: Vector
    shift: Vector

    @classmethod
    def of(cls, layer: Any) -> _Affine:
        gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in layer.get_weights())
        scale = gamma / np.sqrt(variance + layer.epsilon)
        return cls(scale.astype(np.float32), (beta - mean * scale).astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Reader:
    """A place where the residual stream is read.

    Attributes:
        scale: by which the weights that read it are multiplied.
        offset: that the stream carries there.
        explicit: the normalization, where it cannot be folded and is computed.
    """

    scale: Vector
    offset: Vector
    explicit: _Affine | None = None

    @classmethod
    def of(cls, layer: Any, *, may_fold: bool) -> _Reader:
        gamma, beta, *_ = layer.get_weights()
        affine = _Affine.of(layer)
        if may_fold and gamma.min() > 0 and np.abs(beta / gamma).max() <= MAX_OFFSET:
            return cls(affine.scale, affine.shift / affine.scale)
        return cls(np.ones_like(affine.scale), np.zeros_like(affine.shift), affine)


class _Folding:
    """Builds the folded network layer by layer, and collects the weights of its layers."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._layer = model.get_layer
        self._names = [layer.name for layer in model.layers]
        pools = [layer.name for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
        self._pools = (name for name in pools if name != "pool1_pool")  # those of the shortcuts, in order
        self._weights: dict[str, list[npt.NDArray[np.float32]]] = {}

    def build(self) -> keras.Model:
        blocks = [match[1] for name in self._names if (match := _BLOCK.fullmatch(name))]
        has_pool = "pool1_pool" in self._names  # its zero padding knows no offset
        norms = [self._layer(f"{block}_preact_bn") for block in blocks]
        readers = [_Reader.of(norm, may_fold=index > 0 or not has_pool) for index, norm in enumerate(norms)]
        readers.append(_Reader.of(self._layer("post_bn"), may_fold=True))
        image = keras.Input(self._model.input_shape[1:], name="image")
        if has_pool:
            x = self._conv(image, "conv1_conv")
            x = self._copied(self._copied(x, "pool1_pad"), "pool1_pool")
        else:
            x = self._conv(image, "conv1_conv", shift=readers[0].offset)
        for block, reader, next_reader in zip(blocks, readers, readers[1:], strict=False):
            x = self._block(x, block, reader, next_reader)
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(self._read(x, readers[-1], "post"))
        kernel, bias = self._layer("predictions").get_weights()
        self._weights["predictions"] = [kernel * readers[-1].scale[:, None], bias]
        logits = keras.layers.Dense(kernel.shape[1], dtype="float32", name="predictions")(x)
        folded = keras.Model(image, logits, name=self._model.name)
        for name, weights in self._weights.items():
            folded.get_layer(name).set_weights(weights)
        return folded

    def _block(self, x: Any, block: str, reader: _Reader, next_reader: _Reader) -> Any:
        preact = self._read(x, reader, f"{block}_preact")
        is_projected = f"{block}_0_conv" in self._names
        *inner, last = convs = [name for name in self._names if re.fullmatch(rf"{block}_[1-9]_conv", name)]
        if is_projected:
            shortcut = self._conv(preact, f"{block}_0_conv", reader.scale)
        elif any(max(self._layer(name).strides) > 1 for name in convs):
            # XNNPACK takes no pool whose stride is larger than its window, but a convolution that copies each channel.
            pool = next(self._pools)
            self._weights[pool] = [np.ones((1, 1, x.shape[-1], 1), np.float32)]
            options = {"strides": self._layer(pool).strides, "use_bias": False, "name": pool}
            shortcut = keras.layers.DepthwiseConv2D(1, **options)(x)
        else:
            shortcut = x
        y, scale = preact, reader.scale
        for number, name in enumerate(inner, start=1):
            norm = _Affine.of(self._layer(f"{block}_{number}_bn"))
            y = self._conv(y, name, scale, factor=norm.scale, shift=norm.shift, activation="relu")
            scale = np.ones_like(norm.scale)
        offset = next_reader.offset if is_projected else next_reader.offset - reader.offset
        y = self._conv(y, last, scale, shift=offset)
        return keras.layers.Add(name=f"{block}_out")([shortcut, y])

    def _read(self, x: Any, reader: _Reader, name: str) -> Any:
        if reader.explicit is None:
            return keras.layers.ReLU(name=f"{name}_relu")(x)
        scale, shift = reader.explicit.scale, reader.explicit.shift
        self._weights[f"{name}_bn"] = [scale[None, None, :, None], shift]
        return keras.layers.DepthwiseConv2D(1, activation="relu", name=f"{name}_bn")(x)

    def _conv(
        self,
        x: Any,
        name: str,
        read_scale: Vector | None = None,
        *,
        factor: Vector | float = 1.0,
        shift: Vector | float = 0.0,
        activation: str | None = None,
    ) -> Any:
        """Pad and convolve, with `read_scale` moved into the kernel; times `factor` plus `shift`."""
        pad = name.replace("_conv", "_pad")
        x = self._copied(x, pad) if pad in self._names else x
        layer = self._layer(name)
        kernel, *biases = layer.get_weights()
        if read_scale is not None:
            kernel = kernel * read_scale[:, None]
        bias: Sequence[Any] = biases or [np.zeros(kernel.shape[-1], np.float32)]
        self._weights[name] = [kernel * factor, bias[0] * factor + shift]
        options = {key: layer.get_config()[key] for key in ("kernel_size", "strides", "padding")}
        return keras.layers.Conv2D(layer.filters, **options, activation=activation, name=name)(x)

    def _copied(self, x: Any, name: str) -> Any:
        """Apply a copy of the layer of that name, which has no weights."""
        layer = self._layer(name)
        return type(layer).from_config(layer.get_config())(x)
