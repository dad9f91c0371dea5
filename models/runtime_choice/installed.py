"""Finds the runtimes that are installed, without loading any: each takes up to a second."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from models.runtime import RuntimeName
from models.store.artifact import Artifact
from models.store.model_files import format_of

ONNX_ON_GPU = "onnxruntime-gpu"  # the same library with what runs on a GPU, too
PACKAGES: dict[RuntimeName, tuple[str, ...]] = {
    "litert": ("ai-edge-litert",),
    "openvino": ("openvino",),
    "onnxruntime": ("onnxruntime", ONNX_ON_GPU),
}


def installed_runtimes() -> dict[RuntimeName, str]:
    """List the runtimes for CPUs that are installed here, LiteRT first, each with its library's version."""
    found: dict[RuntimeName, str] = {}
    for runtime, packages in PACKAGES.items():
        for package in packages:
            with suppress(PackageNotFoundError):
                found[runtime] = version(package)
    return found


def runtimes_for(artifact: Artifact, installed: Mapping[RuntimeName, str]) -> list[RuntimeName]:
    """List those of the installed runtimes for CPUs that an artifact has a file for, in their order."""
    return [runtime for runtime in installed if format_of(runtime).name in artifact.manifest.formats]
