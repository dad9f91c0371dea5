"""Train a tiny network on one device, two devices or two machines, and write down losses and weights.

`python tests/tiny_training.py FOLDER one|mirrored|multi-worker [FIELD=VALUE ...]`, for tests that compare them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

sys.path[:0] = [str(Path(__file__).parents[1])]

from small_networks import small_network  # noqa: E402

from models.network.resnet_v2 import ResNetV2, build  # noqa: E402
from training.architecture import building_in  # noqa: E402
from training.assignments import parse_assignments  # noqa: E402
from training.config import TrainingConfig, preset, replaced  # noqa: E402
from training.distributed.cluster import cluster_from  # noqa: E402
from training.distributed.follower import follow  # noqa: E402
from training.distributed.workers import ALONE, Workers  # noqa: E402
from training.loop import fit  # noqa: E402
from training.pixel_sets import PixelSets  # noqa: E402

SIDE_PX, NUM_CLASSES, NUM_IMAGES = 12, 3, 16
# Two epochs of two steps, of which the first two learn from small images.
TINY = replaced(preset("smoke"), {
    "image_px": SIDE_PX, "batch_size": 8, "epochs": 2, "small_fraction": 0.5, "peak_lr": 0.05,
    "augmentation.shift_px": 2, "augmentation.cutout_px": 4,
})  # fmt: skip


def images() -> PixelSets:
    """Noise, brighter with the class."""
    rng = np.random.default_rng(0)
    targets = np.arange(NUM_IMAGES) % NUM_CLASSES
    pixels = rng.integers(0, 128, (NUM_IMAGES, SIDE_PX, SIDE_PX, 3)) + 60 * targets[:, None, None, None]
    return PixelSets(pixels.astype(np.uint8), targets, pixels.astype(np.uint8), targets)


def workers_of(kind: str) -> Workers:
    """Two logical CPUs are two devices."""
    if kind == "multi-worker":
        return Workers.of(cluster_from(os.environ))
    if kind == "one":
        return ALONE
    [cpu] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return Workers.mirrored(["CPU:0", "CPU:1"])


def resnet() -> keras.Model:
    return build(ResNetV2.of("8", input_shape=(SIDE_PX, SIDE_PX, 3), num_classes=NUM_CLASSES, width=4))


def two_layers() -> keras.Model:
    return small_network(side_px=SIDE_PX, num_classes=NUM_CLASSES)


def train(folder: Path, config: TrainingConfig, workers: Workers, network: Callable[[], keras.Model] = resnet) -> None:
    """Train; the chief leaves `history.jsonl` and `weights.npz`."""
    keras.utils.set_random_seed(0)
    with building_in(config.precision):
        with workers.scope():
            model = network()
        if not workers.is_chief:
            follow(model, images(), config=config, workers=workers)
            return
        ema = fit(model, images(), config=config, workdir=folder, workers=workers)
    np.savez(folder / "weights.npz", *ema.get_weights())


def command(folder: Path, kind: str, *assignments: str) -> list[str]:
    """The command that trains in a process of its own."""
    return [sys.executable, __file__, str(folder), kind, *assignments]


if __name__ == "__main__":
    target, kind, *assignments = sys.argv[1:]
    changes = parse_assignments(assignments)
    train(Path(target), replaced(TINY, changes), workers_of(kind))
