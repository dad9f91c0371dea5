"""Run a whole training: data, model, loop, export, measurement, publication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.network.architectures import build
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.architecture import architecture_in, architecture_of, building_in, copy_weights, rebuilt
from training.config import TrainingConfig
from training.cross_validation import CrossValidation
from training.data import load_dataset
from training.dataset import Dataset
from training.distillation import Teacher
from training.distributed.follower import follow
from training.distributed.workers import ALONE, Workers
from training.history import read_history
from training.loop import fit
from training.pixel_sets import pixel_folder, pixel_sets
from training.plots import plot_curves
from training.publish import finish_float32, publish
from training.report.report import report_line
from training.run import Run, load_model, open_run, published, read_run
from training.side_by_side import Before
from training.zero_start import zero_branches


def train(
    config: TrainingConfig,
    data_path: Path,
    workdir: Path,
    *,
    repository: Repository,
    name: str,
    start_from: Path | None = None,
    teacher: Teacher | None = None,
    command: str = "",
    data: Dataset | None = None,
    recipe: dict[str, Any] | None = None,
    workers: Workers = ALONE,
    say: Callable[[str], None] = print,
) -> Artifact:
    """Train a model, export it, measure the exported file and publish it; go on where a killed run stopped.

    Args:
        config: the settings.
        data_path: a data set, as `training.data.load_dataset` takes it.
        workdir: the run's folder: checkpoints, curves.png, confusion.png, metrics.json, model.keras, report.html.
        repository: where to publish the model.
        name: the model's name there.
        start_from: folder of a finished run whose weights the training starts from; None for random ones.
        teacher: a finished run to learn from beside the labels.
        command: as typed, for the manifest.
        data: the data set, where it is open already.
        recipe: JSON, for the record of the run.
        workers: who takes the steps; this is the chief of them.
        say: called with a line on each stage.

    Returns:
        The published artifact; its manifest has the metrics of the exported file.

    Raises:
        DatasetError: the data cannot be used.
        RunError: `workdir` holds another run, or the teacher cannot be used.
        WorkerLost: another machine has ended.
    """
    if data is None:
        data = open_and_look(data_path, config, workdir, say=say)
    parent = published(start_from, "float32") if start_from else None
    ancestry = read_run(start_from).commands if start_from else ()
    run = new_run(
        config, data, data_path, command=command, parent=parent, ancestry=ancestry, teacher=teacher, recipe=recipe
    )
    run = open_run(workdir, run)
    model = _fitted(run, data, workdir, start_from=start_from, teacher=teacher, workers=workers, say=say)
    return finish(model, run, data, workdir=workdir, repository=repository, name=name, say=say)


def train_beside_chief(config: TrainingConfig, data: Dataset, workdir: Path, workers: Workers) -> None:
    """Take the steps of the training that the chief of `workers` begins with the same data and settings.

    Raises:
        WorkerLost: another machine has ended.
    """
    keras.utils.set_random_seed(config.seed)
    with building_in(config.precision):
        with workers.scope():
            model = build(architecture_of(config, num_classes=len(data.labels)))
        follow(model, pixel_sets(data, config, workdir), config=config, workers=workers)


def open_and_look(data_path: Path, config: TrainingConfig, workdir: Path, *, say: Callable[[str], None]) -> Dataset:
    """Open a data set, and say what was found."""
    data = load_dataset(data_path, config.held_out, replace(config.reading, known=pixel_folder(workdir)))
    for line in data.survey.lines():
        say(line)
    architecture_of(config, num_classes=len(data.labels))  # what cannot be built leaves no folder behind
    return data


def new_run(
    config: TrainingConfig,
    data: Dataset,
    data_path: Path,
    *,
    command: str,
    old_path: Path | None = None,
    parent: str | None = None,
    ancestry: tuple[str, ...] = (),
    teacher: Teacher | None = None,
    recipe: dict[str, Any] | None = None,
) -> Run:
    """Make the record of a run on a data set."""
    return Run.new(
        command=command,
        config=config,
        data=str(data_path),
        old=str(old_path) if old_path else None,
        data_name=data.name,
        data_sha256=data.sha256,
        labels=data.labels,
        parent=parent,
        ancestry=ancestry,
        compression=teacher.to_dict() if teacher else None,
        survey=data.survey.to_dict(),
        recipe=recipe,
    )


def finish(
    model: keras.Model,
    run: Run,
    data: Dataset,
    *,
    workdir: Path,
    repository: Repository,
    name: str,
    cross_validation: CrossValidation | None = None,
    before: Before | None = None,
    say: Callable[[str], None],
) -> Artifact:
    """Export the float32 model of a run, measure the file, publish it and write the report."""
    if history := read_history(workdir):
        plot_curves(history, workdir / "curves.png")
    say("exporting, and measuring the exported file on the test images")
    measured = finish_float32(model, run, data, workdir=workdir)
    for line in measured.about_probabilities():
        say(line)
    artifact = publish(
        measured,
        run,
        data,
        workdir=workdir,
        repository=repository,
        name=name,
        architecture=architecture_in(model, run.config),
        cross_validation=cross_validation,
        before=before,
    )
    say(report_line(workdir, run, data, measured))
    return artifact


def _fitted(
    run: Run,
    data: Dataset,
    workdir: Path,
    *,
    start_from: Path | None,
    teacher: Teacher | None,
    workers: Workers,
    say: Callable[[str], None],
) -> keras.Model:
    """Train the model of a run; it is returned in float32, whatever precision it was trained in."""
    config = run.config
    architecture = architecture_of(config, num_classes=len(data.labels))
    keras.utils.set_random_seed(config.seed)
    with building_in(config.precision):
        with workers.scope():
            model = build(architecture)
            distillation = teacher.distillation(data.labels) if teacher else None
        if config.zero_start:
            zero_branches(model)
        if start_from:
            has_same_labels = read_run(start_from).labels == data.labels
            left = copy_weights(load_model(start_from), model, copies_classifier=has_same_labels)
            say(f"starting from {run.parent}" + (f"; new layers: {', '.join(left)}" if left else ""))
        images = pixel_sets(data, config, workdir)
        model = fit(model, images, config=config, workdir=workdir, distillation=distillation, workers=workers)
    return rebuilt(architecture, model)
