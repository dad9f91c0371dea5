"""Make the model of the large figures, once: ResNet-50-v2, 224 px, int8, two versions. Needs the train environment.

Its weights are random: what a photo costs does not depend on them. Its batch normalization has the statistics of the
pictures, so that activations stay in range and each picture has its own answer, by which a mix-up would show.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.folders import CACHE
from benchmarks.pictures import photos
from benchmarks.random_model import random_model
from models.network.export import export_int8
from models.network.resnet_v2 import ResNetV2
from models.pixels.preprocessing import PixelSpec, preprocess
from models.store.manifest import Manifest, ModelFile
from models.store.repository import Repository
from models.store.routing import locked, set_stable

NAME = "resnet50"
REPOSITORY = CACHE / "repository"
VERSIONS = (1, 2)  # the second is there to swap to; the first is stable
PIXELS = PixelSpec(224, 224, fit="crop", crop_fraction=0.875)


def make(repository: Path) -> None:
    """Publish the versions, which take about half a minute each."""
    images = np.stack([preprocess(photo, PIXELS) for photo in photos()])
    for version in VERSIONS:
        print(f"making {NAME} version {version} with random weights", file=sys.stderr, flush=True)
        _publish(repository, version, images)
    with locked(repository / NAME):
        set_stable(repository / NAME, VERSIONS[0])


def _publish(repository: Path, version: int, images: NDArray[np.uint8]) -> None:
    architecture = ResNetV2.of("50")
    model = random_model(architecture, images, seed=version)
    labels = tuple(f"class {index}" for index in range(architecture.num_classes))
    formats = {"litert": ModelFile("model.tflite", "int8")}
    provenance = {"command": "python -m benchmarks.resnet50", "weights": "random", "seed": version}
    manifest = Manifest(NAME, version, architecture.to_dict(), labels, PIXELS, formats, provenance=provenance)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        export_int8(model, file, images)
        Repository(repository).publish(manifest, {"model.tflite": file})


def main() -> int:
    """Replace what an older version of this file has made."""
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    make(REPOSITORY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
