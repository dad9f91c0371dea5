"""Writes a version's file with all that another program needs to run it, and to compare its answers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from models.errors import without_host_paths
from models.portable.completed import completed
from models.portable.description import describe, packed, unpacked
from models.portable.golden import GOLDEN_FILE, encoded_bytes, read_golden
from models.portable.onnx_file import ONNX_FILE, convert
from models.portable.verify import answering_file
from models.store.artifact import Artifact


def export_files(artifact: Artifact, folder: Path, *, with_onnx: bool = False) -> list[Path]:
    """Write a version's LiteRT file for one picture at a time, its golden answers and the golden pictures.

    Of a version that has an ONNX file alone, that is written as it is.

    Args:
        artifact: the version; what it lacks of golden answers is made.
        folder: to write; made if it is missing.
        with_onnx: the same as an ONNX file, too; converted where the version has none.

    Returns:
        The files, the model's first.

    Raises:
        RuntimeMissing: tf2onnx is not installed.
        FormatMissing: it has neither a LiteRT nor an ONNX file.
        ArtifactError: LiteRT cannot load the file, or writing failed.
    """
    model = answering_file(artifact).relative_to(artifact.path).as_posix()
    with completed(artifact.manifest, {path: artifact.path / path for path in artifact.manifest.files}) as files:
        golden, content = read_golden(files[GOLDEN_FILE]), files[model].read_bytes()
    if model == ONNX_FILE:
        written, with_onnx = {ONNX_FILE: content, GOLDEN_FILE: golden.encode()}, False
    else:
        content = describe(for_one_picture(content), golden.labels, golden.pixels)
        golden = replace(golden, model_sha256=hashlib.sha256(content).hexdigest())
        written = {"model.tflite": content, GOLDEN_FILE: golden.encode()}
    written |= {f"golden/{picture.file}": encoded_bytes(picture.file) for picture in golden.pictures}
    with without_host_paths("the files cannot be written"):
        (folder / "golden").mkdir(parents=True, exist_ok=True)
        for name, data in written.items():
            (folder / name).write_bytes(data)
        if with_onnx:
            published = artifact.path / ONNX_FILE
            is_there = ONNX_FILE in artifact.manifest.files
            written[ONNX_FILE] = published.read_bytes() if is_there else convert(folder / "model.tflite")
            (folder / ONNX_FILE).write_bytes(written[ONNX_FILE])
    return [folder / name for name in written]


def for_one_picture(content: bytes) -> bytes:
    """Fix the size of the batch: LiteRT.js and delegates of phones take no input of any size."""
    model = unpacked(content)
    for tensor in model.subgraphs[0].tensors:
        tensor.shapeSignature = None  # what stays is the shape, which has a batch of one
    return packed(model)
