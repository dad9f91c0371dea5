"""Loads a checked Keras file, by the Keras that wrote it, as a function from pictures to its outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models.importing.keras_file import KerasFile
from models.importing.refused import ForeignModelRefused
from models.network.keras_downloads import bounded_downloads


def keras_function(checked: KerasFile, size_px: tuple[int, int] | None) -> Any:
    """Return the concrete function of a model, with its weights as constants.

    Args:
        checked: the file.
        size_px: height and width of pictures, where the model takes any.

    Raises:
        ForeignModelRefused: Keras cannot load it, or it takes anything else than one picture.
    """
    try:
        model = library_of(checked.major).models.load_model(str(checked.file), compile=False, safe_mode=True)
    except Exception as error:  # whatever a file's contradictions come to in Keras
        raise ForeignModelRefused(f"Keras {checked.major} cannot load it: {first_line(error)}") from error
    return frozen(model, size_px)


def application_function(
    name: str, weights: KerasFile | None, *, num_classes: int, size_px: tuple[int, int], cache: Path
) -> Any:
    """Return the concrete function of one of Keras' own networks, with its weights as constants.

    Args:
        name: of `models.importing.applications`.
        weights: a checked file of them; None to download Keras' own.
        num_classes: that it gives a probability to.
        size_px: height and width of its pictures.
        cache: where Keras keeps what it downloads.

    Raises:
        ForeignModelRefused: the weights are of another network, or cannot be downloaded.
    """
    os.environ["KERAS_HOME"] = str(cache)
    build = getattr(library_of(weights.major if weights else 2).applications, name)
    try:
        if weights is None:
            with bounded_downloads():
                model = build(weights="imagenet")
            return frozen(model, None)
        model = build(weights=None, classes=num_classes, input_shape=(*size_px, 3))
        model.load_weights(str(weights.file))
    except Exception as error:  # Keras raises Exception itself where a URL cannot be read
        what = f"cannot take the weights of {weights.file.name}" if weights else "cannot download its weights"
        raise ForeignModelRefused(f"{name} of {num_classes} classes {what}: {first_line(error)}") from error
    return frozen(model, None)


def frozen(model: Any, size_px: tuple[int, int] | None) -> Any:
    """Return the concrete function of a model of one input, with its weights as constants.

    Raises:
        ForeignModelRefused: it takes more than one.
    """
    inputs = model.inputs or []  # none of a model that nobody has told what it takes
    if len(inputs) != 1:
        raise ForeignModelRefused(f"it takes {len(inputs)} inputs; a classifier takes one picture")
    shape = list(inputs[0].shape)
    if size_px and len(shape) == 4 and None in shape[1:3]:
        shape[1:3] = size_px
    # In a batch of any size the converter would compute shapes; what imports the file frees the batch again.
    picture = tf.TensorSpec([None if None in shape[1:] else 1, *shape[1:]], tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False), autograph=False)
    return convert_variables_to_constants_v2(function.get_concrete_function(picture))


def library_of(major: int) -> Any:
    """Import the release of Keras that wrote a file."""
    if major == 2:
        import tf_keras

        return tf_keras
    import keras

    return keras


def first_line(error: Exception) -> str:
    """Return the first line of an error."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
