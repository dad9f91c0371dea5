"""The device's memory, as TensorFlow's allocator counts it."""

from __future__ import annotations

import tensorflow as tf


def peak_bytes() -> int | None:
    """The most that was in use since `reset_peak`; None on a CPU, which keeps no count."""
    if not tf.config.list_logical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def reset_peak() -> None:
    """Begin to count anew."""
    if tf.config.list_logical_devices("GPU"):
        tf.config.experimental.reset_memory_stats("GPU:0")
