"""ImageNet weights of ResNet-50-v2 from a file of Keras Applications, whose layers have the names of ours."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import tf_keras as keras

from models.network.keras_downloads import bounded_downloads
from models.network.normalization import PIXEL_MEAN, PIXEL_STD
from models.network.resnet_v2 import ResNetV2, build
from models.network.torch_file import Array

FILE = "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{FILE}"
MD5 = "fac2f116257151a9d068a22e544a4917"  # as Keras has it in tf_keras/src/applications/resnet.py
CLASSIFIER = "predictions"
STEM = "conv1_conv"

# What the weights were trained on: pixel / 127.5 - 1.
_MEAN = _STD = 127.5


def downloaded() -> Path:
    """Download the weights of ResNet50V2 without its classifier, 94 MB, or find them where Keras keeps them.

    Raises:
        ValueError: they cannot be had; the message says how else.
    """
    try:
        with bounded_downloads():
            return Path(keras.utils.get_file(FILE, URL, cache_subdir="models", file_hash=MD5))
    except Exception as error:  # Keras raises Exception itself where a URL cannot be read
        raise ValueError(f"{URL} cannot be downloaded: get the file in another way, and give --init FILE.h5") from error


def resnet_with_weights(architecture: ResNetV2, path: Path) -> keras.Model:
    """Build a ResNet-v2 with the weights of a file that `keras.applications.ResNet50V2` loads or has saved.

    Args:
        architecture: of a 7x7 stem, standard width and batch normalization; of any input size. Where the file has no
            classifier, or one for another number of classes, its own is zeros: the rows of another are never copied.
        path: of the `.h5` file.

    Raises:
        ValueError: the file is no such file, or its weights are not of that network.
    """
    stored = read_layers(path)
    model = build(architecture)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    if left := (stored.keys() ^ layers.keys()) - {CLASSIFIER}:
        what = f"ResNet-{architecture.variant}-v2"
        raise ValueError(f"{path.name} is not of {what}: {min(left)!r} is in one of the two alone")
    kernel, bias = stored[STEM]
    # The same function of our pixels, but at the border, where zeros stand for another pixel: 128, which was 127.5.
    stored[STEM] = [
        kernel * (PIXEL_STD / _STD),
        bias + kernel.sum(axis=(0, 1, 2)) * ((PIXEL_MEAN - _MEAN) / _STD),
    ]
    for name, layer in layers.items():
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if name == CLASSIFIER and [weight.shape for weight in stored.get(name, ())] != shapes:
            stored[name] = [np.zeros(shape, np.float32) for shape in shapes]
        layer.set_weights(stored[name])
    return model


def read_layers(path: Path) -> dict[str, list[Array]]:
    """Read the weights of each layer from an HDF5 file of Keras 2: of a model, or of its weights alone.

    Raises:
        ValueError: it is no such file.
    """
    try:
        with h5py.File(path) as file:
            root = file.get("model_weights", file)
            return {
                name: [np.asarray(root[name][weight]) for weight in weights]
                for name in root
                if len(weights := root[name].attrs["weight_names"])
            }
    except (OSError, KeyError, AttributeError) as error:
        raise ValueError(f"{path.name} is not a file of weights as Keras 2 writes it: {error}") from error
