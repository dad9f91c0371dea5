"""Finds the runtimes that are installed, without loading any: each takes up to a second."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from models.runtime import RuntimeName

PACKAGES: dict[RuntimeName, str] = {"litert": "ai-edge-litert", "openvino": "openvino"}


def installed_runtimes() -> dict[RuntimeName, str]:
    """List the runtimes of a `.tflite` file that are installed here, LiteRT first, each with its library's version."""
    found: dict[RuntimeName, str] = {}
    for runtime, package in PACKAGES.items():
        try:
            found[runtime] = version(package)
        except PackageNotFoundError:
            continue
    return found
