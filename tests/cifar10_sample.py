"""A few hundred of CIFAR-10's test images, and how good a model is on them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from models.measuring.metrics import measure
from models.runtime import load_runtime
from models.store.artifact import Artifact
from training.data import encode_png
from training.dataset import Pixels, Split
from training.evaluate import predict

FILE = Path(__file__).parent / "data" / "cifar10_sample.npz"


def sample_pixels() -> Pixels:
    """uint8 [300, 32, 32, 3]."""
    with np.load(FILE) as arrays:
        return arrays["images"]


def sample_split() -> Split:
    """The same images, encoded, with their classes."""
    with np.load(FILE) as arrays:
        images, targets = arrays["images"], arrays["targets"]
    return Split(targets, lambda index: encode_png(images[index]))


def deviations_from_manifest(artifact: Artifact) -> float:
    """How far the top-1 accuracy on the sample is from that of all test images, in standard deviations."""
    split = sample_split()
    with closing(load_runtime(artifact, num_threads=2)) as runtime:
        found = measure(predict(runtime, split, artifact.manifest.pixels), split.targets).top1
    expected = artifact.manifest.metrics[artifact.manifest.formats["litert"].precision]["top1"]
    return (found - expected) / np.sqrt(expected * (1 - expected) / len(split))
