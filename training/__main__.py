"""`python -m training`: train a model on labelled images and publish it."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.cli import command_line, command_parser, leave, run
from training.config import NOTHING, parse_assignment
from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE, check_teacher

PROGRAM = "python -m training"
# Others than to train; a module each.
COMMANDS = {"relabel": "training.relabel", "report": "training.report.command", "teach": "training.teach"}
DRY_RUN = "nothing was trained, and nothing written: the same command without --dry-run (of make: DRY_RUN=1) does it"

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[words[0]]).main(words[1:]))
    options = _parser().parse_args(words)
    return run(PROGRAM, lambda: _train(options, command_line(PROGRAM, arguments)), goes_on=True)


def _train(options: argparse.Namespace, command: str) -> str:
    # Arguments are checked, and the data is looked at, before TensorFlow is imported, which takes seconds.
    from models.store.manifest import validate_name
    from models.store.repository import Repository
    from training.data import load_dataset
    from training.pixel_sets import pixel_folder
    from training.recipe import Wanted, choose
    from training.transfer.starting_point import find_starting_point

    begun_s = time.monotonic()
    name = validate_name(options.name or options.workdir.resolve().name.lower())
    repository, teacher_settings = Repository(options.repository), _teacher_settings(options)
    init = options.init or (NOTHING if options.start_from or options.teacher else None)
    start = find_starting_point(init, repository) if init else None
    wanted = Wanted(options.preset, init, start, _changes(options))
    reading = replace(wanted.first_config.reading, known=None if options.dry_run else pixel_folder(options.workdir))
    data = load_dataset(options.data, wanted.first_config.held_out, reading)
    recipe = choose(data, wanted)
    for line in (*data.survey.lines(), *recipe.lines()):
        print(line)
    start = start or find_starting_point(recipe.config.init, repository)

    from training.intervals import in_words
    from training.publish import about_serving
    from training.train import train

    where = {"workdir": options.workdir, "repository": repository, "name": name}
    if start:
        from training.transfer.train import load_and_plan, train_from

        model, plan = load_and_plan(recipe, start, data, options.workdir, elapsed_s=time.monotonic() - begun_s)
        if options.dry_run:
            return DRY_RUN
        deadline_s = begun_s + 60 * recipe.config.minutes
        planned = {"data_path": options.data, "command": command, "deadline_s": deadline_s}
        artifact = train_from(model, plan, recipe, start, data, **planned, **where)
    else:
        from training.distillation import Teacher
        from training.transfer.time_budget import about_time

        if options.dry_run:
            return f"{about_time(recipe.config, data)}\n{DRY_RUN}"
        teacher = Teacher(options.teacher, **teacher_settings) if options.teacher else None
        beginning = {"start_from": options.start_from, "teacher": teacher, "data": data, "recipe": recipe.to_dict()}
        artifact = train(recipe.config, options.data, **where, **beginning, command=command)
    manifest = artifact.manifest
    figures = manifest.metrics["float32"]
    accuracy = in_words(round(figures["top1"] * figures["num_images"]), figures["num_images"])
    result = f"published {manifest.name} version {manifest.version}: {accuracy} right"
    return "\n".join([result, *about_serving(artifact, repository)])


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by name; ValueError where they do not go together."""
    changes = dict(parse_assignment(assignment) for assignment in options.set)
    if options.mixed_precision:
        changes["precision"] = options.mixed_precision
    if options.xla:
        changes["xla"] = True
    if options.minutes is not None:
        changes["minutes"] = options.minutes
    if (options.start_from or options.teacher) and options.init not in {None, NOTHING}:
        raise ValueError("--start-from and --teacher are of a training from nothing: give no --init, or none")
    return changes


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
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="that a training from another network may take, as with lite0, from look to report (15)",
    )
    parser.add_argument(
        "--init",
        metavar="WHERE",
        help="start from lite0 or lite2 (ImageNet), from NAME:VERSION in the repository, from the folder of a finished "
        "run, from an .h5 file of Keras Applications' ResNet50V2, or from none; default: lite0 for photos, none for "
        "small pictures",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and how long it would take")
    parser.add_argument(
        "--preset", help="photos, scratch, cifar10, or smoke for a run of seconds; default: what fits the data"
    )
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
