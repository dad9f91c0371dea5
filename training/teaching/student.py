"""Train a ResNet-v2 on what a finished network says of crops of photos, labelled or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tf_keras as keras

from models.network.architectures import Architecture, build
from models.plural import how_many
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.architecture import architecture_of, building_in
from training.config import TrainingConfig
from training.crops import decode_whole
from training.dataset import Dataset, Pixels, Split
from training.distillation import CopiedFeatures
from training.image_folders import load_unlabelled
from training.loop import fit
from training.pixel_sets import PixelSets, pixel_folder, pixel_sets
from training.pixel_store import PixelStore, write_pixels
from training.progress import Progress
from training.run import Run, load_model, open_run, read_run
from training.run_data import load_data_of
from training.teaching.settings import FEATURE_WEIGHT, Teaching
from training.teaching.views import BATCH_SIZE, Views, answers_of, standardized
from training.train import finish, new_run

SHIFTED_PART = 16  # of a view's side


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run to learn from, with its data opened as it was trained on."""

    run: Run
    model: keras.Model
    data: Dataset


def open_teacher(folder: Path) -> FinishedRun:
    """Open a finished run; RunError where it is not finished, or its data is not what it was."""
    run, model = read_run(folder), load_model(folder)
    return FinishedRun(run, model, load_data_of(run, folder))


def open_photos(source: Path, teacher: FinishedRun, workdir: Path, say: Callable[[str], None] = print) -> Split:
    """Open photos without labels, and say what is left out: copies of what the student will be measured on, too."""
    reading = replace(teacher.run.config.reading, known=pixel_folder(workdir))
    photos, left_out = load_unlabelled(source, reading, (teacher.data.validation, teacher.data.test))
    for line in (f"{source.name}: {how_many(len(photos), 'photo')} without labels", *left_out):
        say(line)
    return photos


def teach(
    teacher: FinishedRun,
    config: TrainingConfig,
    teaching: Teaching,
    *,
    photos: Split | None = None,
    workdir: Path,
    repository: Repository,
    name: str,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Artifact:
    """Train a student, export it, measure the exported file and publish it; go on where a killed run stopped.

    Args:
        teacher: what it learns from.
        config: the student's settings; an epoch is one pass over all views.
        teaching: how it learns.
        photos: without labels.
        workdir: the student's folder; takes the views and the teacher's answers, too.
        repository: where to publish it.
        name: the student's name there.
        command: as typed, for the manifest.
        say: called with a line on each stage.

    Raises:
        RunError: `workdir` holds another run.
    """
    data = teacher.data
    run = new_run(config, data, Path(teacher.run.data), command=command, ancestry=teacher.run.commands)
    run = open_run(workdir, replace(run, old=teacher.run.old, compression=teaching.to_dict()))
    images = _views_with_answers(teacher, run.config, teaching.num_rounds, photos, workdir, say)
    architecture = architecture_of(run.config, num_classes=len(data.labels))
    num_outputs = images.train_targets.shape[1]
    keras.utils.set_random_seed(run.config.seed)
    with building_in(run.config.precision):
        student = build(replace(architecture, num_classes=num_outputs))
        copied = CopiedFeatures(num_outputs - len(data.labels), FEATURE_WEIGHT)
        # A view is a crop already; moved a little, it has the same answer.
        augmentation = replace(run.config.augmentation, crop="shift", shift_px=config.image_px // SHIFTED_PART)
        config = replace(run.config, augmentation=augmentation)
        student = fit(student, images, config=config, workdir=workdir, copied=copied)
    student = _with_classes_alone(student, architecture)
    return finish(student, run, data, workdir=workdir, repository=repository, name=name, say=say)


def _views_with_answers(
    teacher: FinishedRun,
    config: TrainingConfig,
    num_rounds: int,
    photos: Split | None,
    workdir: Path,
    say: Callable[[str], None],
) -> PixelSets:
    """Make what is learned from: crops at the student's size; probabilities and features of the teacher, [N, C + F]."""
    stores: list[Pixels | PixelStore] = [pixel_sets(teacher.data, teacher.run.config, workdir).train]
    if photos:
        stores.append(_whole_photos(photos, teacher.run.config, workdir / "unlabelled"))
    min_area = config.augmentation.min_area
    views = Views.drawn(stores, num_rounds=num_rounds, min_area=min_area, seed=config.seed)
    say(
        f"the teacher answers for {how_many(len(views), 'crop')}, {num_rounds} of each of "
        f"{how_many(views.num_photos, 'photo')}"
    )
    batches = -(-views.num_photos // BATCH_SIZE) * num_rounds
    progress, counter = Progress(num_steps=batches, batch_size=BATCH_SIZE), iter(range(1, batches + 1))
    probabilities, features = answers_of(
        teacher.model,
        views,
        workdir / "answers",
        size_px=teacher.run.config.image_px,
        advance=lambda: progress.advance(next(counter), lambda: "answers"),
    )
    validation = teacher.data.validation
    pixels = validation.pixels(config.pixels)
    targets = np.concatenate([probabilities, standardized(features)], axis=1)
    return PixelSets(views.stored(workdir / "views", config.image_px), targets, pixels, validation.targets)


def _with_classes_alone(student: keras.Model, architecture: Architecture) -> keras.Model:
    """Return the float32 network of an architecture with a student's weights, whose classifier copies features too."""
    *others, kernel, bias = student.get_weights()
    model = build(architecture)
    model.set_weights([*others, kernel[:, : architecture.num_classes], bias[: architecture.num_classes]])
    return model


def _whole_photos(photos: Split, config: TrainingConfig, path: Path) -> PixelStore:
    short_px = config.stored_px or config.image_px
    if not path.exists():
        write_pixels(path, len(photos), lambda index: decode_whole(photos.read(index), short_px))
    return PixelStore(path)
