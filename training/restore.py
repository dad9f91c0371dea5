"""`python -m training.restore cifar10:4 ...`: the run behind a published model, made again from the artifact alone.

What prunes, quantizes or trains on starts from the folder of a finished run, which may be gone while its model serves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models.arguments import version_reference
from training.cli import command_line, command_parser, load_version, run

PROGRAM = "python -m training.restore"
EXAMPLES = """
examples:
  python -m training.restore cifar10:4 --repository models/zoo --data cifar10.npz --workdir runs/cifar10
      the shipped model, ready for `python -m optimize ... --workdir runs/cifar10`
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    return run(PROGRAM, lambda: _restore(options, command_line(PROGRAM, arguments)))


def _restore(options: argparse.Namespace, command: str) -> str:
    artifact = load_version(options.repository, options.target)
    from training.restored import restore  # TensorFlow takes seconds to load: a wrong name is told before

    restored = restore(artifact, options.data, options.workdir, command=command)
    return f"restored to {options.workdir}: {restored.metrics.top1:.2%} of the test images right"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        PROGRAM, "Make the folder of a training run again from a published model that has a SavedModel.", EXAMPLES
    )
    parser.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    parser.add_argument("--data", type=Path, required=True, help="the data that it was trained on")
    parser.add_argument("--workdir", type=Path, required=True, help="the folder to make")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="that has the model; default: repository/"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
