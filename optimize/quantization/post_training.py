"""Quantizes the model of a finished run: int8, float16 or dynamic range."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from models.network.export import export_dynamic, export_float16, export_int8
from optimize.candidate import Candidate
from optimize.published import zeros_and_gzip
from optimize.quantization.calibration import calibration_images
from optimize.quantization.saturation import keep_from_saturating
from optimize.settings import Quantization
from optimize.source import Source
from training.publish import measure_file, predict_file

_INT8 = Quantization()
_AVOIDED = "no products saturate on processors without VNNI"
_NOT_AVOIDED = (
    "products may saturate on processors without VNNI, where OpenVINO then loses accuracy: weights that keep from it "
    "cost too much, unless quantize-aware trains them"
)


def quantize(
    source: Source,
    workdir: Path,
    quantization: Quantization = _INT8,
    *,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Candidate:
    """Quantize the model of a finished run and measure it on the full test set.

    A pruned model keeps its zeros: they are exact in float16, and in int8, where a kernel's zero point is 0.

    Args:
        source: the run.
        workdir: its folder; takes int8.tflite, float16.tflite or dynamic.tflite.
        quantization: how.
        command: as typed, for the manifest.
        say: called with a line on each stage.

    Raises:
        DatasetError: an image to calibrate on cannot be used.
    """
    file = workdir / f"{quantization.precision}.tflite"
    calibration: dict[str, Any] = {}
    say(f"making {file.name}")
    match quantization.precision:
        case "float16":
            export_float16(source.model, file)
        case "dynamic":
            export_dynamic(source.model, file)
        case "int8":
            config = source.run.config
            images = calibration_images(quantization, source.data.train, config.pixels, seed=config.seed)
            export_int8(source.model, file, images)
            choice = "own images" if quantization.calibration_images else quantization.calibration
            calibration = {"calibration": choice, "num_calibration_images": len(images)}
            say("rounding its weights so that no products saturate on processors without VNNI, and comparing answers")
            verdict = keep_from_saturating(
                file,
                partial(predict_file, run=source.run, split=source.data.validation),
                source.data.validation.targets,
                other_images=images,
                float_file=source.dense.file,
            )
            say(f"{_AVOIDED if verdict.is_within else _NOT_AVOIDED}: {verdict.reason}")
            calibration["saturation"] = {"is_avoided": verdict.is_within, "reason": verdict.reason}
    say("measuring it on the same images")
    measured = measure_file(file, source.run, source.data, precision=quantization.precision)
    provenance = {"command": command, "parent": source.published, **calibration, **zeros_and_gzip(file)}
    return Candidate(source, source.run, workdir, measured, source.architecture, provenance)
