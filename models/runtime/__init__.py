"""Artifact in, probabilities out: what runs a model, whatever library does it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.artifact import Artifact
from models.runtime.litert import LiteRTRuntime


class Runtime(Protocol):
    """A loaded model. Not re-entrant: one thread at a time."""

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify uint8 [N, H, W, 3] into probabilities, float32 [N, C]; the rows sum to 1."""

    def close(self) -> None:
        """Free the model's memory; the runtime is of no use afterwards."""


def load_runtime(artifact: Artifact, *, num_threads: int = 1) -> Runtime:
    """Load the artifact's file for this machine's CPU.

    Args:
        artifact: read, and verified if it should be, by the caller.
        num_threads: that one call of `run` may use.

    Raises:
        EngineMissing: the artifact has no file for the CPU.
        CorruptArtifact: the file cannot be loaded, or is not of the shape that the manifest says.
    """
    manifest = artifact.manifest
    shape = (manifest.pixels.height_px, manifest.pixels.width_px, 3)
    return LiteRTRuntime(
        artifact.engine_path("litert"), input_shape=shape, num_classes=len(manifest.labels), num_threads=num_threads
    )
