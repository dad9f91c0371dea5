"""Runs the bytes of a model file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from models.runtime import Runtime
from models.runtime.model_file import load_file
from models.store.model_files import FORMATS


@contextmanager
def loaded(
    content: bytes, model_format: str, *, input_shape: tuple[int, int, int], num_classes: int, num_threads: int
) -> Iterator[Runtime]:
    """Load a file by the first runtime that there is for its format.

    Args:
        content: of the file.
        model_format: as in manifest.json, "litert" or "onnx".
        input_shape: height, width and channels that it must take.
        num_classes: of the probabilities that it must give.
        num_threads: that one call uses.

    Raises:
        CorruptArtifact: the file cannot be loaded, or takes or gives something else.
        RuntimeMissing: ONNX Runtime is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FORMATS[model_format].exported.file
        file.write_bytes(content)
        runtime = load_file(file, input_shape=input_shape, num_classes=num_classes, num_threads=num_threads)
        with closing(runtime):
            yield runtime
