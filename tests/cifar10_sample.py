"""A few hundred of CIFAR-10's test images, and how good a model is on them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from models.artifact import Artifact
from models.runtime import load_runtime
from training.dataset import Pixels, Split, Targets
from training.evaluate import measure, predict
from training.npz import encode_png


def sample() -> tuple[Pixels, Targets]:
    """uint8 [300, 32, 32, 3] and int64 [300]."""
    with np.load(Path(__file__).parent / "data" / "cifar10_sample.npz") as arrays:
        return arrays["images"], arrays["targets"]


def deviations_from_manifest(artifact: Artifact) -> float:
    """How far the top-1 accuracy on the sample is from that of all test images, in standard deviations."""
    images, targets = sample()
    split = Split(targets, lambda index: encode_png(images[index]))
    with closing(load_runtime(artifact, num_threads=2)) as runtime:
        found = measure(predict(runtime, split, artifact.manifest.pixels), targets).top1
    expected = artifact.manifest.metrics[artifact.manifest.engines["litert"].precision]["top1"]
    return (found - expected) / np.sqrt(expected * (1 - expected) / len(split))
