"""Training images a second of small pictures: the pipeline alone, the step alone, and both, as a training has them.

`python -m benchmarks.gpu_feeding` measures it on what is there, a CPU too; `python -m benchmarks.gpu` has it, too.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from benchmarks.gpu_plan import FEEDING, GPUPlan, Spec
from benchmarks.gpu_rate import rates_of
from models.network.resnet_v2 import ResNetV2, build
from training import resident
from training.batches import Batches
from training.config import TrainingConfig, preset, replaced
from training.distributed.workers import ALONE
from training.feed import STEPS_ON_GPU, Feed
from training.step import TrainingStep

PIPELINE, STEP, FROM_HOST, RESIDENT = FEEDING
NUM_IMAGES, NUM_CLASSES = 10_000, 10
STEPS = range(10**7)  # more than there is time for


def measure_feeding(plan: GPUPlan, spec: Spec) -> dict[str, Any]:
    """One of `FEEDING`, with network, augmentation and batches of the preset cifar10; a tiny plan has smaller ones."""
    if not tf.config.list_physical_devices("GPU"):
        resident.HOLDING = "CPU"
    tiny = {"width": 4, "variant": "8", "batch_size": 2} if plan.is_tiny else {}
    config = replaced(preset("cifar10"), tiny)
    batches, way = _batches(config), spec["way"]
    if way == PIPELINE:
        made = iter(batches.made(STEPS))
        return rates_of(plan, lambda num: [next(made) for _ in range(num)], per_call=config.batch_size)
    keras.backend.clear_session()
    shape = (config.image_px, config.image_px, 3)
    model = build(ResNetV2.of(config.variant, input_shape=shape, num_classes=NUM_CLASSES, width=config.width))
    step = TrainingStep.of(model, config)
    if way == STEP:
        pixels, targets = next(iter(batches.made(range(1))))
        steps = lambda num: _last([step(pixels, targets, lr=1e-3, step=0) for _ in range(num)])  # noqa: E731
        return rates_of(plan, steps, per_call=config.batch_size)
    at_once = STEPS_ON_GPU if way == RESIDENT else 1
    held = resident.ResidentPixels(batches, ALONE) if way == RESIDENT else None
    feed = Feed(batches, STEPS, side_px=None, workers=ALONE, resident=held)
    lrs = [1e-3] * at_once
    return rates_of(
        plan,
        lambda num: _last([step.take(feed, range(at_once), lrs) for _ in range(num)]),
        per_call=config.batch_size * at_once,
    )


def _batches(config: TrainingConfig) -> Batches:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (NUM_IMAGES, config.image_px, config.image_px, 3), np.uint8)
    return Batches(
        images,
        rng.integers(0, NUM_CLASSES, NUM_IMAGES),
        augmentation=config.augmentation,
        image_px=config.image_px,
        batch_size=config.batch_size,
        seed=0,
        num_classes=NUM_CLASSES,
    )


def _last(results: list[Any]) -> None:
    if not np.isfinite(results[-1].loss.numpy()).all():
        raise RuntimeError("the loss is not finite")


def main(words: list[str]) -> int:
    """Print each way's median rate, and its runs."""
    plan = GPUPlan(measure_s=float(words[0]) if words else 10.0, rounds=5)
    for way in FEEDING:
        found = measure_feeding(plan, {"way": way})
        runs = ", ".join(f"{rate:,.0f}" for rate in found["runs"])
        print(f"{way:32} {found['rate']:10,.0f} images/s   ({runs})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
