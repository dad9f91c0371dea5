"""Artifacts of a few bytes, and what a reader of a repository sees of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.pixels.preprocessing import PixelSpec
from models.store.artifact import Artifact
from models.store.manifest import Manifest, ModelFile
from models.store.staging import staged

NAME = "flowers"


def small_manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "name": NAME,
        "version": 1,
        "architecture": {"family": "resnet_v2", "variant": "20", "input_shape": [32, 32, 3]},
        "labels": ("daisy", "tulip", "Gänseblümchen"),
        "pixels": PixelSpec(32, 32, fit="stretch"),
        "formats": {"litert": ModelFile("model.tflite", "int8"), "tensorflow": ModelFile("saved_model", "float16")},
        "metrics": {"int8": {"top1": 0.9342, "count": 10_000}},
        "provenance": {"command": "python -m training", "parent": None},
    }
    return Manifest(**(fields | changes))


def small_sources(folder: Path, content: bytes = b"weights") -> dict[str, Path]:
    """A file and a tree to publish, in `folder`; returns what `publish` takes."""
    variables = folder / "exported" / "variables"
    variables.mkdir(parents=True, exist_ok=True)
    (folder / "exported" / "assets").mkdir(exist_ok=True)
    (folder / "float.tflite").write_bytes(b"TFL3" + content)
    (folder / "exported" / "saved_model.pb").write_bytes(b"graph of " + content)
    (variables / "variables.index").write_bytes(content * 3)
    return {"model.tflite": folder / "float.tflite", "saved_model": folder / "exported"}


def write_artifact(parent: Path, manifest: Manifest, sources: Mapping[str, Path]) -> Artifact:
    """Write `parent`/<version>, as publishing does it."""
    with staged(parent, manifest, sources) as staging:
        return Artifact(parent / str(manifest.version), staging.commit(manifest.version))


FILES = ["model.tflite", "saved_model/saved_model.pb", "saved_model/variables/variables.index"]


def contents(artifact: Artifact) -> dict[str, bytes]:
    return {path: (artifact.path / path).read_bytes() for path in artifact.manifest.files}


def snapshot(folder: Path) -> dict[str, Any]:
    """Everything that a write in `folder` would change."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [folder, *sorted(folder.rglob("*"))]
    }
