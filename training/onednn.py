"""Keeps TensorFlow from kernels of oneDNN that end a process."""

from __future__ import annotations

import os

from training.config import TrainingConfig

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
LEAST_CHANNELS = 16
LEAST_PX = 64


def avoid_onednn(config: TrainingConfig) -> None:
    """Have TensorFlow compute without oneDNN where its kernels write past their memory; call before it is imported.

    They do (TensorFlow 2.21, processors with AVX2 or AVX-512) in the gradient of a strided convolution of one pixel
    that reads fewer channels than a register holds, of maps of 64 px and more: the process ends by SIGSEGV.
    What the variable says already stays.
    """
    if (config.width or LEAST_CHANNELS) < LEAST_CHANNELS and config.image_px >= LEAST_PX:
        os.environ.setdefault(VARIABLE, "0")
