"""`python -m training.restore cifar10:11 ...`: make the folder of a finished run again from its published artifact.

Pruning, quantization and further training start from that folder, which may be gone while its model serves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from models.arguments import version_reference
from training.cli import command_line, command_parser, load_version, run

PROGRAM = "python -m training.restore"
EXAMPLES = """
examples:
  python -m training.restore cifar10:11 --repository models/zoo --data cifar10.npz --workdir runs/cifar10
      the shipped model, ready for `python -m optimize ... --workdir runs/cifar10`
  python -m training.restore digits:1 --data digits.npz --workdir runs/digits --validation-from-test 0.5
      a model that has learned from all training images gets validation images, and so a temperature
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = command_parser(
        PROGRAM, "Make the folder of a training run again from a published model that has a SavedModel.", EXAMPLES
    )
    parser.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    parser.add_argument("--data", type=Path, required=True, help="the data that it was trained on")
    parser.add_argument("--workdir", type=Path, required=True, help="the folder to make")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="that has the model; default: repository/"
    )
    parser.add_argument(
        "--validation-from-test",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="choose and calibrate by this part of the test images from now on, and measure on the others: for a model "
        "that has learned from all training images",
    )
    options = parser.parse_args(arguments)

    def restore_version() -> str:
        artifact = load_version(options.repository, options.target)
        from training.restored import restore  # after the name was checked: TensorFlow takes seconds to load

        command = command_line(PROGRAM, arguments)
        part = options.validation_from_test
        measured = restore(artifact, options.data, options.workdir, validation_from_test=part, command=command)
        return f"restored to {options.workdir}: {measured.metrics} right"

    return run(PROGRAM, restore_version)


if __name__ == "__main__":
    sys.exit(main())
