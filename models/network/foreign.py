"""Converts somebody else's Keras model or SavedModel to LiteRT, in a process of its own (`models.importing.child`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.importing.conversion import CALIBRATION, CONVERTED
from models.importing.keras_file import checked_h5, checked_keras, checked_weights
from models.importing.refused import ForeignModelRefused
from models.quiet_import import quiet_tensorflow
from models.quiet_stderr import quiet_stderr


def convert(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write `CONVERTED` into the current folder; with `CALIBRATION` there, float32 [N, H, W, C], it is int8."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    function = served_by(job)
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if Path(CALIBRATION).exists():
        pictures = np.load(CALIBRATION, allow_pickle=False)

        def representative() -> Iterator[list[Any]]:
            return ([picture[None]] for picture in pictures)

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec = tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8])
        converter.representative_dataset = representative
        converter.inference_input_type = tf.int8
    try:
        with quiet_stderr():
            content = converter.convert()
    except Exception as error:  # whatever the converter cannot do
        from models.network.foreign_keras import first_line

        raise ForeignModelRefused(f"TensorFlow cannot convert it: {first_line(error)}") from error
    Path(CONVERTED).write_bytes(content)
    return {}


def served_by(job: Mapping[str, Any]) -> Any:
    """Return the function from pictures to outputs, once the file is checked, and before TensorFlow sees it.

    Raises:
        ForeignModelRefused: it is broken, not accepted, or takes anything else than one picture.
    """
    file = Path(job["file"]) if job["file"] else None
    size_px: tuple[int, int] | None = tuple(job["size_px"]) if job["size_px"] else None
    if job["application"]:
        weights = checked_weights(file) if file else None
        quiet_tensorflow()
        from models.network.foreign_keras import application_function

        of_classes = {"num_classes": job["num_classes"], "size_px": size_px, "cache": Path(job["cache"])}
        return application_function(job["application"], weights, **of_classes)
    if file is None:
        raise ForeignModelRefused("there is no file")
    if job["kind"] == "saved_model":
        quiet_tensorflow()
        from models.network.foreign_saved_model import served_function

        return served_function(file, size_px)
    checked = checked_keras(file, Path.cwd()) if job["kind"] == "keras" else checked_h5(file)
    quiet_tensorflow()
    from models.network.foreign_keras import keras_function

    return keras_function(checked, size_px)
