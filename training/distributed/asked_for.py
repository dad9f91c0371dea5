"""What `--strategy` asks for, and what does not go together with it."""

from __future__ import annotations

import argparse
from typing import Literal, get_args

from training.config import NOTHING, TrainingConfig

Strategy = Literal["mirrored", "multi-worker"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


def refuse_options(options: argparse.Namespace) -> None:
    """Refuse options that do not go together with `--strategy`, before anything is looked at.

    Raises:
        ValueError: the message names them, and what is allowed.
    """
    if options.init not in {None, NOTHING}:
        raise _alone(options, f"--init {options.init}: a training from another network runs on one device")
    if options.minutes is not None:
        raise _alone(options, "--minutes, which is of a training from another network: say --set epochs=N")
    if options.teacher is not None:
        raise _alone(options, "--teacher: what learns from a finished run runs on one device")


def refuse_settings(strategy: str, config: TrainingConfig) -> None:
    """Refuse settings that do not go together with `--strategy`.

    Raises:
        ValueError: the message names them, and what is allowed.
    """
    if config.init != NOTHING:
        raise ValueError(f"--strategy {strategy} does not go together with init={config.init}: give --init none")
    if config.xla:
        raise ValueError(f"--strategy {strategy} does not go together with --xla: the step is compiled for one device")
    if config.precision == "mixed_float16":
        raise ValueError(
            f"--strategy {strategy} does not go together with precision=mixed_float16, whose scale of the loss each "
            "device would keep for itself: give --mixed-precision mixed_bfloat16"
        )


def _alone(options: argparse.Namespace, what: str) -> ValueError:
    return ValueError(f"--strategy {options.strategy} does not go together with {what}, or leave --strategy out")
