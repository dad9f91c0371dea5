"""Training images a second: the step that training takes, on batches that are in the device's memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from benchmarks.gpu_memory import peak_bytes, reset_peak
from benchmarks.gpu_model import architecture, work_of
from benchmarks.gpu_plan import GPUPlan, Spec
from benchmarks.gpu_rate import rates_of
from models.network.resnet_v2 import build
from training.architecture import building_in
from training.config import TrainingConfig
from training.step import StepResult, TrainingStep

NUM_BATCHES = 2


def measure_training(plan: GPUPlan, spec: Spec) -> dict[str, Any]:
    """One precision, one batch size, with XLA or without; otherwise as a training does by default."""
    keras.backend.clear_session()
    reset_peak()
    with building_in(spec["precision"]):
        model = build(architecture(plan))
        step = TrainingStep.of(model, TrainingConfig(xla=spec["xla"]))
        batches = [_batch(plan, spec["batch_size"], seed) for seed in range(NUM_BATCHES)]

        def train(num_steps: int) -> None:
            result: StepResult | None = None
            for number in range(num_steps):
                result = step(*batches[number % NUM_BATCHES], lr=1e-3, step=number)
            if result is not None and not np.isfinite(result.loss.numpy()):
                raise RuntimeError("the loss is not finite")

        found = rates_of(plan, train, per_call=spec["batch_size"])
        return {**found, "macs": work_of(model).macs, "device_bytes": peak_bytes()}


def _batch(plan: GPUPlan, size: int, seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size, plan.image_px, plan.image_px, 3), np.uint8)
    with tf.device("GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"):
        return tf.identity(tf.constant(pixels)), tf.constant(rng.integers(0, plan.num_classes, size))
