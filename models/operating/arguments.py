"""Declares the arguments of `python -m models operating-point`, and checks what goes with what."""

from __future__ import annotations

import argparse

from models.store.columns import fraction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those that stand beside the version."""
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--precision", type=above_zero, metavar="P", help="each class at the lowest threshold with it")
    wish.add_argument("--recall", type=above_zero, metavar="R", help="each class at the highest threshold with it")
    parser.add_argument(
        "--threshold",
        type=class_threshold,
        action="append",
        default=[],
        metavar="CLASS=PROBABILITY",
        help="a threshold of one class, whatever the others have; repeat it for more",
    )
    parser.add_argument("--clear", action="store_true", help="call no answer accepted or not any more")


def check_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End the process, after one line on stderr, where arguments contradict each other."""
    if args.clear and (args.precision or args.recall or args.threshold):
        parser.error("--clear stands alone: it forgets what the others set")


def above_zero(text: str) -> float:
    """Read a number in (0, 1], as the type of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"it must be a number above 0, at most 1, such as 0.95, got {text!r}")
    return value


def class_threshold(text: str) -> tuple[str, float]:
    """Read CLASS=PROBABILITY, as the type of an argument; a label may have an = in it."""
    label, _, threshold = text.rpartition("=")
    try:
        value = fraction(float(threshold), "a threshold")
    except ValueError:
        label, value = "", 0.0
    if not label:
        raise argparse.ArgumentTypeError(f"it must be CLASS=PROBABILITY, such as daisy=0.8, got {text!r}")
    return label, value
