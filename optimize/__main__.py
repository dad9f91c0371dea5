"""`python -m optimize`: make a trained model smaller, and say what it costs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.cli import command_line, run

if TYPE_CHECKING:
    from optimize.compressed import Compressed

PROGRAM = "python -m optimize"
EXAMPLES = """
examples:
  python -m optimize quantize --workdir runs/flowers
  python -m optimize prune --workdir runs/flowers --output runs/flowers-sparse --sparsity 0.8
  python -m optimize quantize --workdir runs/flowers-sparse

Each measures accuracy before and after on all test images, through the runtime that serves, and refuses to publish what
loses more than --max-accuracy-drop.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 published, 1 refused, 2 bad arguments."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = vars(_parser().parse_args(arguments))
    return run(PROGRAM, lambda: str(_compress(options, command_line(PROGRAM, arguments))))


def _compress(options: dict[str, Any], command: str) -> Compressed:
    # TensorFlow takes seconds to load: bad arguments are told before.
    from models.repository import Repository
    from optimize.prune import prune
    from optimize.quantize import quantize

    actions: dict[str, Callable[..., Compressed]] = {"quantize": quantize, "prune": prune}
    return actions[options.pop("action")](repository=Repository(options.pop("repository")), command=command, **options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Make a trained model smaller, measure what it costs and publish it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    quantize = actions.add_parser("quantize", help="int8 weights and activations, calibrated on training images")
    _add_common(quantize)
    quantize.add_argument(
        "--num-calibration-images", type=int, default=512, metavar="N", help="training images to calibrate on (512)"
    )
    prune = actions.add_parser("prune", help="set the smallest weights to zero while fine-tuning")
    _add_common(prune)
    prune.add_argument("--output", type=Path, required=True, help="folder of the new run")
    prune.add_argument("--sparsity", type=float, default=0.5, help="fraction of zeros in each kernel, in [0, 1) (0.5)")
    prune.add_argument("--epochs", type=int, default=4, help="of fine-tuning (4)")
    prune.add_argument("--peak-lr", type=float, help="of fine-tuning (a fifth of the training's)")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workdir", type=Path, required=True, help="folder of the finished training run")
    parser.add_argument("--data", dest="data_path", type=Path, help="the run's data, where it has moved since")
    parser.add_argument("--name", help="of the published model (the run's own)")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="folder to publish in (repository/)"
    )
    parser.add_argument(
        "--max-accuracy-drop",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="of top-1 accuracy that may be lost (0.5)",
    )


if __name__ == "__main__":
    sys.exit(main())
