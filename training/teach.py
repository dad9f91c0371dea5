"""`python -m training teach`: train a ResNet-v2 that learns from a finished run, and say which of the two to serve."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models.checks import at_least
from training.assignments import parse_assignments
from training.cli import command_line, command_parser, run
from training.config import NOTHING, TrainingConfig, preset, replaced
from training.teaching.settings import NUM_VIEWS, Teaching, rounds_for

PROGRAM = "python -m training teach"
EXAMPLES = f"""
examples:
  {PROGRAM} --teacher runs/pets --workdir runs/pets-resnet
      a ResNet-18-v2 of half the usual width at 128 px, published as pets-resnet; on two cores it takes an hour for
      2,000 photos
  {PROGRAM} --teacher runs/pets --workdir runs/pets-resnet --unlabelled more-photos/ --width 64 --image-px 160
      as wide as usual, on larger images; it learns from photos without labels, too

A run that was stopped goes on when the same command is given again.
"""
NUM_PASSES = 224
WIDTH = 32
# Against learning the crops by heart; docs/training.md has the trials.
AGAINST_OVERFITTING = {"label_smoothing": 0.0, "augmentation.mixup": 1.0, "augmentation.min_area": 0.2}
OPTIMIZER = {"peak_lr": 0.1, "clip_norm": 5.0}
# Settings that draw the sets: the student has those of its teacher.
OF_DATA = (
    *("seed", "test_fraction", "validation_fraction", "validation_from", "max_image_pixels", "zip_encoding"),
    "show_photos_as",
)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    return run(PROGRAM, lambda: _teach(options, command_line(PROGRAM, arguments)), goes_on=True)


def student_config(options: argparse.Namespace) -> TrainingConfig:
    """Return the settings of the student as far as the arguments say them."""
    changes = parse_assignments(options.set)
    if "epochs" in changes:
        raise ValueError(
            "epochs follow from how often photos are passed over: give --passes N in place of --set epochs"
        )
    if of_teacher := [field for field in (*OF_DATA, "augmentation.flip") if field in changes]:
        raise ValueError(f"a student has the {of_teacher[0]} of its teacher: leave out --set {of_teacher[0]}")
    network = {"variant": options.student, "width": options.width, "image_px": options.image_px}
    config = replaced(
        preset("scratch"), {**network, **AGAINST_OVERFITTING, **OPTIMIZER, "crop_fraction": 1.0, **changes}
    )
    if config.variant.startswith("lite") or config.init != NOTHING:
        raise ValueError(f"--student must be a variant of ResNet-v2, such as 18, got {config.variant}")
    return config


def _teach(options: argparse.Namespace, command: str) -> str:
    # Arguments are checked before TensorFlow is imported, which takes seconds.
    from models.store.manifest import validate_name
    from models.store.repository import Repository
    from training.folders import require_writable
    from training.onednn import avoid_onednn

    require_writable({"--workdir": options.workdir, "--repository": options.repository})
    config = student_config(options)
    name = validate_name(options.name or options.workdir.resolve().name.lower())
    if options.workdir.resolve() == options.teacher.resolve():
        raise ValueError("--workdir is the student's folder, and --teacher that of another run")
    repository = Repository(options.repository)
    at_least(1, passes=options.passes, rounds=1 if options.rounds is None else options.rounds)

    avoid_onednn(config)
    print("starting TensorFlow, which takes seconds, and opening what the teacher has learned from")
    from models.measuring.promotion import about_serving
    from training.in_use import alone_in
    from training.run import published
    from training.teaching.comparison import about_both
    from training.teaching.student import open_photos, open_teacher, teach

    teacher = open_teacher(options.teacher)
    photos = open_photos(options.unlabelled, teacher, options.workdir) if options.unlabelled else None
    num_rounds = options.rounds or rounds_for(len(teacher.data.train) + len(photos or ()))
    teaching = Teaching(published(options.teacher, "float32"), str(options.unlabelled or ""), num_rounds)
    kept = {field: getattr(teacher.run.config, field) for field in OF_DATA}
    augmentation = replace(config.augmentation, flip=teacher.run.config.augmentation.flip)
    config = replace(config, **kept, augmentation=augmentation, epochs=max(1, round(options.passes / num_rounds)))
    where = {"workdir": options.workdir, "repository": repository, "name": name}
    with alone_in(options.workdir):
        artifact = teach(teacher, config, teaching, photos=photos, command=command, **where)
    compared = about_both(teacher, options.teacher, artifact.manifest.name, options.workdir)
    return "\n".join([f"published {artifact.manifest.reference}", *about_serving(artifact, repository), *compared])


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(PROGRAM, "Train a ResNet-v2 on what a finished run says of crops of photos.", EXAMPLES)
    parser.add_argument(
        "--teacher", type=Path, required=True, metavar="WORKDIR", help="of the finished run to learn from"
    )
    parser.add_argument("--workdir", type=Path, required=True, help="folder of the student's run")
    parser.add_argument("--student", default="18", metavar="VARIANT", help="of ResNet-v2 (18)")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"channels of its first stack ({WIDTH})")
    parser.add_argument("--image-px", type=int, default=128, metavar="N", help="side of its images (128)")
    parser.add_argument("--unlabelled", type=Path, metavar="DIR", help="more photos of the kind, without labels")
    parser.add_argument("--passes", type=int, default=NUM_PASSES, help=f"over all photos ({NUM_PASSES})")
    parser.add_argument(
        "--rounds", type=int, help=f"crops of each photo that the teacher answers for; default: {NUM_VIEWS} in all"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a setting of the student's training"
    )
    parser.add_argument("--name", help="of the published model; default: the name of the workdir")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="folder to publish in; default: repository/"
    )
    return parser
