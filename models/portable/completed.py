"""Adds to a version's files, before it is published, what makes them usable elsewhere."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.errors import without_host_paths
from models.portable.description import IDENTIFIER, describe
from models.portable.golden import GOLDEN_FILE, Golden, golden_answers
from models.store.manifest import Manifest


@contextmanager
def completed(manifest: Manifest, files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Describe a version's LiteRT file inside itself, and add its golden answers; other files stay as they are.

    Those of a version without one are its ONNX file's.

    Args:
        manifest: of the version.
        files: path in the artifact to its source.

    Yields:
        The same map, with sources that are gone after the block in place of some.

    Raises:
        CorruptArtifact: the runtime cannot load the file.
        RuntimeMissing: ONNX Runtime is not installed.
    """
    model = manifest.formats.get("litert", manifest.formats.get("onnx"))
    with tempfile.TemporaryDirectory() as folder:
        is_onnx = "litert" not in manifest.formats
        if model is None or not (is_onnx or _is_litert(files[model.file])):
            yield dict(files)
            return
        described, golden = Path(folder) / "model.tflite", Path(folder) / GOLDEN_FILE
        if is_onnx:
            described = files[model.file]
        else:
            described.write_bytes(describe(files[model.file].read_bytes(), manifest.labels, manifest.pixels))
        if GOLDEN_FILE not in files or not _is_of(files[GOLDEN_FILE], described):
            answers = golden_answers(described, manifest.labels, manifest.pixels, precision=model.precision)
            golden.write_bytes(answers.encode())
            files = {**files, GOLDEN_FILE: golden}
        yield {**files, model.file: described}


def _is_of(golden: Path, model: Path) -> bool:
    return Golden.decode(golden.read_bytes()).model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()


def _is_litert(file: Path) -> bool:
    with without_host_paths("the model cannot be read"), file.open("rb") as opened:
        return opened.read(8)[4:] == IDENTIFIER
