"""What the card can do at most: a large matrix product in each precision, and copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.gpu_plan import GPUPlan, Spec
from benchmarks.gpu_rate import rates_of


def measure_limit(plan: GPUPlan, spec: Spec) -> dict[str, Any]:
    """Floating-point operations a second of a square matrix product; float32 as TensorFlow has it: TF32 on a card."""
    side = plan.matrix_side
    # Scaled so that products of products stay as large as they are: a card takes less power for zeros and infinities.
    left = tf.cast(tf.random.normal((side, side)), spec["dtype"])
    right = tf.cast(tf.random.normal((side, side)) / side**0.5, spec["dtype"])
    return rates_of(plan, _chained(left, lambda product: tf.matmul(product, right)), per_call=2 * side**3)


def measure_copy(plan: GPUPlan, spec: Spec) -> dict[str, Any]:
    """Bytes a second: read and written once each on the device; or sent there from memory of the host."""
    if spec["way"] == "on the device":
        block = tf.zeros((plan.copy_bytes // 4,), tf.float32)
        one = tf.constant(1.0)
        return rates_of(plan, _chained(block, lambda found: found + one), per_call=2 * plan.copy_bytes)
    host = np.zeros(plan.copy_bytes // 8, np.uint8)
    target = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"

    def send(num_calls: int) -> None:
        with tf.device(target):
            for _ in range(num_calls):
                # From an array: a tensor of the host that was sent once keeps its copy on the device.
                sent = tf.constant(host)
        sent[:1].numpy()

    return rates_of(plan, send, per_call=len(host))


def _chained(start: tf.Tensor, step: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[int], None]:
    """Each call needs the one before it; reading one number waits for them all."""

    def run(num_calls: int) -> None:
        found = start
        for _ in range(num_calls):
            found = step(found)
        tf.reshape(found, [-1])[:1].numpy()

    return run


def device_details() -> dict[str, Any]:
    """What TensorFlow says of the first GPU; empty without one."""
    gpus = tf.config.list_physical_devices("GPU")
    details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return {name: str(value) for name, value in details.items()} | {"tensorflow": tf.__version__}
