"""`python -m training`: train a model on labelled images and publish it."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from training.cli import command_line, command_parser, leave, run
from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE, check_teacher

PROGRAM = "python -m training"
COMMANDS = {"relabel": "training.relabel", "report": "training.report.command"}  # others than to train; a module each

EXAMPLES = """
examples:
  python -m training --data photos/ --workdir runs/flowers
      photos/ holds train/<class>/<photo> and test/<class>/<photo> (or val/, valid/, validation/), or just
      <class>/<photo>; a zip file of it will do
  python -m training --data cifar10.npz --preset cifar10 --workdir runs/cifar10
      the .npz holds x_train, y_train, x_test, y_test and labels
  python -m training --data photos/ --workdir runs/big --set variant=50 --set image_px=224 --set precision=mixed_float16

A run that was stopped goes on when the same command is given again. What a run found wrong with the photos is moved
by `python -m training relabel`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[words[0]]).main(words[1:]))
    options = _parser().parse_args(words)
    return run(PROGRAM, lambda: _train(options, command_line(PROGRAM, arguments)))


def _train(options: argparse.Namespace, command: str) -> str:
    # Arguments are checked before TensorFlow is imported, which takes seconds.
    from models.store.manifest import validate_name
    from models.store.repository import Repository
    from training.config import parse_assignment, preset, replaced

    changes = [parse_assignment(assignment) for assignment in options.set]
    changes += [("precision", options.mixed_precision)] if options.mixed_precision else []
    changes += [("xla", True)] if options.xla else []
    config = replaced(preset(options.preset), dict(changes))
    name = validate_name(options.name or options.workdir.resolve().name.lower())
    teacher_settings = _teacher_settings(options)

    from training.distillation import Teacher
    from training.intervals import in_words
    from training.publish import about_serving
    from training.train import train

    teacher = Teacher(options.teacher, **teacher_settings) if options.teacher else None
    repository = Repository(options.repository)
    artifact = train(
        config,
        options.data,
        options.workdir,
        repository=repository,
        name=name,
        start_from=options.start_from,
        teacher=teacher,
        command=command,
    )
    manifest = artifact.manifest
    figures = manifest.metrics["float32"]
    accuracy = in_words(round(figures["top1"] * figures["num_images"]), figures["num_images"])
    result = f"published {manifest.name} version {manifest.version}: {accuracy} right"
    return "\n".join([result, *about_serving(artifact, repository)])


def _teacher_settings(options: argparse.Namespace) -> dict[str, float]:
    """Return the settings of `training.distillation.Teacher` that were given, checked."""
    values = {"weight": options.teacher_weight, "temperature": options.temperature}
    settings = {name: value for name, value in values.items() if value is not None}
    if settings and not options.teacher:
        raise ValueError("--teacher-weight and --temperature say how to learn from a teacher: give --teacher too")
    check_teacher(**settings)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(PROGRAM, "Train an image classifier, measure it and publish it for the server.", EXAMPLES)
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder or zip file of class folders, or an .npz file"
    )
    parser.add_argument("--workdir", type=Path, required=True, help="folder of this run: checkpoints, curves, metrics")
    parser.add_argument("--preset", default="photos", help="photos (default), cifar10, or smoke for a run of seconds")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting of the preset"
    )
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="WORKDIR",
        help="take the weights of a finished run, layer by layer where they fit",
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="WORKDIR",
        help="learn from the answers of a finished run beside the labels: a small network gains by it",
    )
    parser.add_argument(
        "--teacher-weight",
        type=float,
        metavar="PART",
        help=f"of the loss that its answers have ({TEACHER_WEIGHT:g})",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        help=f"that both networks' logits are divided by for that ({TEMPERATURE:g})",
    )
    parser.add_argument("--name", help="of the published model; default: the name of the workdir")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="folder to publish in; default: repository/"
    )
    parser.add_argument(
        "--mixed-precision",
        nargs="?",
        const="mixed_float16",
        choices=["mixed_float16", "mixed_bfloat16"],
        help="compute in half precision (default kind: mixed_float16); for GPUs",
    )
    parser.add_argument("--xla", action="store_true", help="compile the training step with XLA; for GPUs")
    return parser


if __name__ == "__main__":
    leave(main())
