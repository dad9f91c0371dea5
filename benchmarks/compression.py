"""The command `python -m benchmarks.compression`: what each step of compression does to the time of one image.

Weights are random, because time does not depend on them; beside them are the trained models of recipes/cifar10, whose
accuracy is known (docs/compression.md). It begins with what tutorials serve: the float32 model in TensorFlow. All
candidates of a network take turns in each round. Needs the train environment; writes
benchmarks/results/compression.{json,md}.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.figures import Figure, report
from benchmarks.folders import RESULTS, ROOT
from benchmarks.pictures import photos
from benchmarks.random_model import random_model
from models.network.export import export_float32, export_int8, export_saved_model
from models.network.resnet_v2 import ResNetV2
from models.pixels.preprocessing import PixelSpec, preprocess
from models.runtime.cores import available_cores
from models.store.repository import Repository
from optimize.channels.removal import macs_of, without_least_important
from optimize.cost.rounds import Rounds, interleave
from optimize.cost.timed_file import LoadedFile, latency_ms
from optimize.settings import ChannelPruning

NUM_ROUNDS = 11
TENSORFLOW, DENSE_INT8 = "TensorFlow, float32", "int8"

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Network:
    """What is compressed.

    Attributes:
        title: in the table.
        architecture: dense.
        trained: models of `recipes/cifar10` that were made of such a network.
    """

    title: str
    architecture: ResNetV2
    trained: tuple[str, ...] = ()


NETWORKS = (
    Network("ResNet-50-v2, 224 px", ResNetV2.of("50")),
    Network("ResNet-20-v2 of width 32, 32 px", ResNetV2.of("20", width=32), ("half-int8", "two-fifths-int8")),
)


def main() -> int:
    """Measure and write; returns 0."""
    argparse.ArgumentParser(prog="python -m benchmarks.compression", description=__doc__).parse_args()  # has no options
    figures: list[Figure] = []
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            figures += _measure(network, Path(folder))
    return report(figures, RESULTS / "compression", machine=machine.describe())


def _measure(network: Network, folder: Path) -> list[Figure]:
    print(f"{network.title}: making the files", file=sys.stderr, flush=True)
    images = _images(network.architecture)
    files = _make_files(network.architecture, images, folder) | _trained_files(network.trained)
    num_cores = available_cores()
    served = _served_by_tensorflow(folder / "saved_model", images[:1])
    print(f"{network.title}: {NUM_ROUNDS} rounds", file=sys.stderr, flush=True)
    quantities: list[Mapping[str, Call]] = [
        {name: LoadedFile(file, num_threads=1, batch_size=1) for name, file in files.items()},
        {
            TENSORFLOW: served,
            **{name: LoadedFile(file, num_threads=num_cores, batch_size=1) for name, file in files.items()},
        },
    ]
    timed = [
        {name: partial(latency_ms, call, time.perf_counter) for name, call in calls.items()} for calls in quantities
    ]
    one_core, all_cores = interleave(timed, num_rounds=NUM_ROUNDS, seed=0)
    return _figures(network.title, files, one_core, all_cores)


def _figures(
    title: str, files: Mapping[str, Path], one_core: Mapping[str, Rounds], all_cores: Mapping[str, Rounds]
) -> list[Figure]:
    tensorflow = all_cores[TENSORFLOW]
    figures = [Figure(f"{title}: {TENSORFLOW}, all cores", tensorflow.median, "ms", runs=tensorflow.values)]
    for name, file in files.items():
        relative = one_core[name].over(one_core[DENSE_INT8])
        figures.append(
            Figure.of_runs(
                f"{title}: {name}, one core, over {DENSE_INT8}",
                relative.values,
                note=f"{one_core[name].median:.3g} ms on one core, {all_cores[name].median:.3g} on all, "
                f"{tensorflow.over(all_cores[name]).median:.1f} times as fast as TensorFlow; "
                f"{file.stat().st_size:,} bytes",
                details={"one_core_ms": one_core[name].values, "all_cores_ms": all_cores[name].values},
            )
        )
    return figures


def _make_files(architecture: ResNetV2, images: NDArray[np.uint8], folder: Path) -> dict[str, Path]:
    dense = random_model(architecture, images, seed=1)
    export_saved_model(dense, folder / "saved_model", "float32")
    files = {
        name: folder / f"{index}.tflite"
        for index, name in enumerate(
            ("float32", "int8, nothing folded", DENSE_INT8, "int8, 1/2 MACs", "int8, 2/5 MACs")
        )
    }
    export_float32(dense, files["float32"])
    export_int8(dense, files["int8, nothing folded"], images, folds=False)
    export_int8(dense, files[DENSE_INT8], images)
    targets = np.random.default_rng(0).integers(0, architecture.num_classes, len(images))
    for name, macs in (("int8, 1/2 MACs", 0.5), ("int8, 2/5 MACs", 0.4)):
        pruned, _ = without_least_important(
            dense, architecture, [(images, targets)], ChannelPruning(macs=macs), macs * macs_of(dense)
        )
        export_int8(pruned, files[name], images)
    return files


def _trained_files(names: Sequence[str]) -> dict[str, Path]:
    published = Repository(ROOT / "recipes" / "cifar10")
    return {f"trained {name}": published.load(name).model_path("litert") for name in names}


def _images(architecture: ResNetV2) -> NDArray[np.uint8]:
    height, width, _ = architecture.input_shape
    return np.stack([preprocess(photo, PixelSpec(height, width)) for photo in photos()])


def _served_by_tensorflow(folder: Path, image: NDArray[np.uint8]) -> Call:
    loaded: Any = tf.saved_model.load(str(folder))
    serve = loaded.signatures["serving_default"]

    def call() -> object:
        _ = loaded  # whose variables it reads
        return serve(image=tf.constant(image))["probabilities"].numpy()

    return call


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
