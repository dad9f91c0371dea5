"""Adds an ONNX file to a version before it is published, with its figures beside those of the file it was made of."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ArtifactError, FormatMissing, ImageError
from models.pixels.preprocessing import preprocess
from models.portable.export import for_one_picture
from models.portable.golden import GOLDEN_FILE, Golden, fitted_pixels, one_by_one, read_golden
from models.portable.onnx_file import ONNX_FILE, convert
from models.predict.pictures import UnusableSource, open_pictures
from models.runtime.model_file import load_file
from models.runtime.processor import cpu_name
from models.store.manifest import Manifest, ModelFile

NUM_ROUNDS = 20
MAX_BYTES = 32 * 1024**2


@contextmanager
def with_onnx(
    manifest: Manifest, files: Mapping[str, Path], *, test: Path | None = None, is_float32: bool = False
) -> Iterator[tuple[Manifest, dict[str, Path]]]:
    """Convert the LiteRT file of a version, and measure what comes of it.

    Args:
        manifest: of the version.
        files: path in the artifact to its source, golden answers among them.
        test: a folder or zip file of test photos, a folder for each label.
        is_float32: undo the quantization of all but the weights.

    Yields:
        The manifest with the format "onnx" and its metrics, and the files with `ONNX_FILE`, whose source is gone after
        the block.

    Raises:
        RuntimeMissing: tf2onnx or ONNX Runtime is not installed.
        ArtifactError: the file cannot be converted, or the test photos cannot be used.
    """
    if "litert" not in manifest.formats or GOLDEN_FILE not in files:
        raise FormatMissing(f"model {manifest.name!r} has no file for the engine 'litert' that ONNX could be made of")
    with tempfile.TemporaryDirectory() as folder:
        model, converted = Path(folder) / "model.tflite", Path(folder) / ONNX_FILE
        model.write_bytes(for_one_picture(files[manifest.formats["litert"].file].read_bytes()))
        converted.write_bytes(convert(model, is_float32=is_float32))
        tensors: dict[str, Any] = {
            "input_shape": (manifest.pixels.height_px, manifest.pixels.width_px, 3),
            "num_classes": len(manifest.labels),
        }
        with closing(load_file(model, **tensors)) as litert, closing(load_file(converted, **tensors)) as onnx:
            figures = golden_figures(read_golden(files[GOLDEN_FILE]), onnx, litert)
            if test is not None:
                figures |= photo_figures(manifest, test, onnx, litert)
        own = replace(manifest.formats["litert"], file=ONNX_FILE)
        formats = {**manifest.formats, "onnx": ModelFile(ONNX_FILE, "float32") if is_float32 else own}
        made = {"file": ONNX_FILE, "runtime": f"onnxruntime {version('onnxruntime')}", "processor": cpu_name()}
        metrics = {**manifest.metrics, "onnx": made | figures}
        yield replace(manifest, formats=formats, metrics=metrics), {**files, ONNX_FILE: converted}


def golden_figures(golden: Golden, onnx: Any, litert: Any) -> dict[str, Any]:
    """Compare answers to the golden pictures, and the time of one with a thread each, in rounds."""
    pixels = [fitted_pixels(picture.file, golden.pixels) for picture in golden.pictures]
    answers, right = one_by_one(onnx, pixels), golden.probabilities
    taken_ms: dict[str, list[float]] = {"onnxruntime": [], "litert": []}
    for number in range(NUM_ROUNDS):
        for name, runtime in (("onnxruntime", onnx), ("litert", litert))[:: 1 if number % 2 else -1]:
            started = time.perf_counter()
            one_by_one(runtime, pixels)
            taken_ms[name].append(1000 * (time.perf_counter() - started) / len(pixels))
    return {
        "golden": {
            "num_images": len(pixels),
            "num_same_label": int((answers.argmax(axis=1) == right.argmax(axis=1)).sum()),
            "largest_difference": round(float(np.abs(answers - right).max()), 6),
        },
        "ms_per_image": {name: round(statistics.median(times), 3) for name, times in taken_ms.items()},
    }


def photo_figures(manifest: Manifest, test: Path, onnx: Any, litert: Any) -> dict[str, Any]:
    """Classify photos of which the folder is the label, by both files."""
    num_right, num_same, num_images = {"onnxruntime": 0, "litert": 0}, 0, 0
    try:
        photos = open_pictures(str(test))
        for number, name in enumerate(photos.names):
            label = name.rpartition("/")[0].rpartition("/")[2]
            if label not in manifest.labels:
                raise ArtifactError(f"test photos must be in folders that are called as labels, {name!r} is not")
            pixels = preprocess(photos.read(number, MAX_BYTES), manifest.pixels)
            found = {
                which: manifest.labels[int(runtime.run([pixels])[0].argmax())]
                for which, runtime in (("onnxruntime", onnx), ("litert", litert))
            }
            for which, answer in found.items():
                num_right[which] += answer == label
            num_same += found["onnxruntime"] == found["litert"]
            num_images += 1
    except (ImageError, UnusableSource) as error:
        raise ArtifactError(f"the test photos cannot be used: {error}") from error
    top1 = {which: round(right / num_images, 6) for which, right in num_right.items()}
    same = {"litert_top1": top1["litert"], "num_same_label": num_same}
    return {"top1": top1["onnxruntime"], "num_images": num_images} | same
