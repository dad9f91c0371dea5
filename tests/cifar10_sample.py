"""A few hundred of CIFAR-10's test images, and how good a model is on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.artifact import Artifact
from models.runtime import load_runtime
from training.dataset import Split
from training.evaluate import measure, predict
from training.npz import encode_png


def sample() -> Split:
    with np.load(Path(__file__).parent / "data" / "cifar10_sample.npz") as arrays:
        images, targets = arrays["images"], arrays["targets"]
    return Split(targets, lambda index: encode_png(images[index]))


def deviations_from_manifest(artifact: Artifact) -> float:
    """How far the top-1 accuracy on the sample is from that of all test images, in standard deviations."""
    split, runtime = sample(), load_runtime(artifact, num_threads=2)
    try:
        found = measure(predict(runtime, split, artifact.manifest.pixels), split.targets).top1
    finally:
        runtime.close()
    expected = artifact.manifest.metrics[artifact.manifest.engines["litert"].precision]["top1"]
    return (found - expected) / np.sqrt(expected * (1 - expected) / len(split))
