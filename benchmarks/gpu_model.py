"""The network of the GPU's figures, and how much work one image is: counted from its layers."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tf_keras as keras

from benchmarks.gpu_plan import GPUPlan
from benchmarks.random_model import random_model
from models.network.export import export_saved_model
from models.network.resnet_v2 import ResNetV2
from models.pixels.preprocessing import PixelSpec
from models.store.manifest import Manifest, ModelFile
from models.store.repository import Repository

NAME = "gpu-benchmark"


@dataclass(frozen=True, slots=True)
class Work:
    """One image's way forward.

    Attributes:
        macs: multiply-accumulates of convolutions and the last layer.
        elements: numbers in the outputs of all convolutions, each of which something must read again.
    """

    macs: int
    elements: int


def architecture(plan: GPUPlan) -> ResNetV2:
    """ResNet-50-v2 for 224 px, or what the plan has instead."""
    shape = (plan.image_px, plan.image_px, 3)
    return ResNetV2.of(plan.variant, input_shape=shape, num_classes=plan.num_classes, width=plan.width)


def work_of(model: keras.Model) -> Work:
    """Count the work of one image."""
    macs = elements = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, channels = layer.output_shape
            macs += height * width * int(np.prod(layer.kernel.shape))
            elements += height * width * channels
        elif isinstance(layer, keras.layers.Dense):
            macs += int(np.prod(layer.kernel.shape))
    return Work(macs, elements)


def publish(plan: GPUPlan, repository: Path) -> Work:
    """Publish the network with random weights as a float16 SavedModel: what an image costs does not depend on them."""
    built = architecture(plan)
    noise = np.random.default_rng(0).integers(0, 256, (4, *built.input_shape), np.uint8)
    model = random_model(built, noise, seed=0)
    work = work_of(model)
    labels = tuple(f"class {index}" for index in range(plan.num_classes))
    manifest = Manifest(
        NAME,
        1,
        built.to_dict(),
        labels,
        PixelSpec(plan.image_px, plan.image_px, fit="stretch"),
        {"tensorflow": ModelFile("saved_model", "float16")},
        provenance={"command": "python -m benchmarks.gpu", "weights": "random", "work": asdict(work)},
    )
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model(model, Path(folder) / "saved_model", "float16")
        Repository(repository).publish(manifest, {"saved_model": Path(folder) / "saved_model"})
    return work
