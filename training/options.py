"""The options of `python -m training`: what they are, and the settings that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training.assignments import parse_assignments
from training.cli import command_parser
from training.config import NOTHING
from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE, check_teacher
from training.distributed.asked_for import STRATEGIES, refuse_options

PROGRAM = "python -m training"
EXAMPLES = """
examples:
  python -m training --data photos/ --workdir runs/flowers
      photos/ holds <class>/<photo>, or that in train/ and test/ and, if you like, validation/; a zip file of it will do
  python -m training --data cifar10.npz --preset cifar10 --workdir runs/cifar10
      the .npz holds x_train, y_train, x_test, y_test and labels
  python -m training --data photos/ --workdir runs/flowers --minutes 60 --init lite2
      a larger network than the default, lite0, and more time than the 15 minutes; --dry-run says what it would do
  python -m training --data photos/ --workdir runs/big --set variant=50 --set image_px=224 --set precision=mixed_float16

A run that was stopped goes on when the same command is given again. Further commands, each with its own --help:
  python -m training teach      train a ResNet-v2 on what a finished run says of photos
  python -m training report     write report.html of a finished run again: what went wrong, as pictures
  python -m training relabel    move photos that the report shows in a wrong folder
"""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command that trains."""
    made = command_parser(PROGRAM, "Train an image classifier, measure it and publish it for the server.", EXAMPLES)
    made.add_argument("--data", type=Path, required=True, help="a folder or zip file of class folders, or an .npz file")
    made.add_argument(
        "--old",
        type=Path,
        metavar="DATA",
        help="with --init, the photos that its network has learned from, a folder or zip file: they are learned from "
        "beside those of --data, both are measured beside the version before, and a candidate is published",
    )
    made.add_argument("--workdir", type=Path, required=True, help="folder of this run: checkpoints, curves, metrics")
    made.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="that a training from another network may take, as with lite0, from look to report (15)",
    )
    made.add_argument(
        "--init",
        metavar="WHERE",
        help="start from lite0 or lite2 (ImageNet), from NAME:VERSION in the repository, from the folder of a finished "
        "run, from resnet50v2 of Keras Applications, which is downloaded (94 MB), an .h5 file of it, or none; "
        "default: lite0 for photos, none for small pictures",
    )
    made.add_argument(
        "--show-photos-as",
        metavar="LICENCE",
        help='the licence of the photos, as "CC-BY 4.0 by Ada": it allows that a server shows some of them, as those '
        "most like a picture and on the model's card; without it nobody sees them",
    )
    made.add_argument(
        "--candidate",
        action="store_true",
        help="publish a version that nobody is served by until it is promoted, or a canary (docs/rollouts.md), even if "
        "it is better than the one that is served",
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and how long it would take")
    made.add_argument(
        "--preset", help="photos, scratch, cifar10, or smoke for a run of seconds; default: what fits the data"
    )
    made.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting of the preset"
    )
    add_teacher_options(made)
    made.add_argument("--name", help="of the published model; default: the name of the workdir")
    made.add_argument(
        "--repository", type=Path, default=Path("repository"), help="folder to publish in; default: repository/"
    )
    made.add_argument(
        "--mixed-precision",
        nargs="?",
        const="mixed_float16",
        choices=["mixed_float16", "mixed_bfloat16"],
        help="compute in half precision (default kind: mixed_float16); for GPUs",
    )
    made.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="with --init none, take each step on several devices, each with its share of the batch: mirrored on all "
        "GPUs of this machine; multi-worker on the machines that TF_CONFIG names, with this command on each",
    )
    made.add_argument("--xla", action="store_true", help="compile the training step with XLA; for GPUs")
    return made


def add_teacher_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training that begins with random weights, and leans on a finished run of the same data."""
    group = parser.add_argument_group("with --init none, of the same data and classes")
    group.add_argument(
        "--start-from",
        type=Path,
        metavar="WORKDIR",
        help="take the weights of a finished run, layer by layer where they fit",
    )
    group.add_argument(
        "--teacher",
        type=Path,
        metavar="WORKDIR",
        help="learn from the answers of a finished run beside the labels, on pictures of the same size: a small one "
        "gains by it; a ResNet-v2 learns from a network of photos by `python -m training teach`",
    )
    group.add_argument(
        "--teacher-weight",
        type=float,
        metavar="PART",
        help=f"of the loss that its answers have ({TEACHER_WEIGHT:g})",
    )
    group.add_argument(
        "--temperature",
        type=float,
        help=f"that both networks' logits are divided by for that ({TEMPERATURE:g})",
    )


def changes_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name; ValueError where they do not go together."""
    changes = parse_assignments(options.set)
    if options.mixed_precision:
        changes["precision"] = options.mixed_precision
    if options.xla:
        changes["xla"] = True
    if options.show_photos_as is not None:
        changes["show_photos_as"] = options.show_photos_as
    if options.candidate or options.old:
        changes["candidate"] = True
    if options.minutes is not None:
        changes["minutes"] = options.minutes
    if (options.start_from or options.teacher) and options.init not in {None, NOTHING}:
        raise ValueError("--start-from and --teacher are of a training from nothing: give no --init, or none")
    if options.old and options.init in {None, NOTHING}:
        raise ValueError("--old is what a network has learned from: give --init NAME:VERSION, or the folder of its run")
    if options.strategy:
        refuse_options(options)
    return changes


def teacher_settings(options: argparse.Namespace) -> dict[str, float]:
    """Return the settings of `training.distillation.Teacher` that were given, checked."""
    values = {"weight": options.teacher_weight, "temperature": options.temperature}
    settings = {name: value for name, value in values.items() if value is not None}
    if settings and not options.teacher:
        raise ValueError("--teacher-weight and --temperature say how to learn from a teacher: give --teacher too")
    check_teacher(**settings)
    return settings
