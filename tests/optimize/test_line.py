"""Compressions are compared with the first dense model of their line, wherever that is recorded."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.store.repository import Repository
from optimize.gate import Limits
from optimize.line import Line, some_training_images
from optimize.source import FirstModel, Source, open_source
from training.measured import measure_file
from training.run import read_run


@pytest.fixture(scope="module")
def opened(toy_run):
    return open_source(toy_run, None)


@pytest.fixture
def repository(toy_run):
    return Repository(toy_run.parent / "repository")


@pytest.fixture
def compressed(opened, tmp_path):
    """Make a source of a run that was compressed from the toy run; its float32 file answers at random."""
    run = opened.begin_run(tmp_path / "half", opened.run.config, compression={"method": "channels"}, command="c")
    targets = opened.data.validation.targets
    answers = np.random.default_rng(0).dirichlet(np.ones(3), len(targets)).astype(np.float32)
    file = tmp_path / "half" / "float32.tflite"
    dense = replace(opened.dense, file=file, answers=replace(opened.dense.answers, validation=answers))
    return replace(opened, run=run, dense=dense, published="toy:2")


def without_record(source: Source, **changes) -> Source:
    """The same source as of a run from before lines were recorded."""
    return replace(source, run=replace(source.run, line=None, **changes))


def test_dense_model_is_the_first_of_its_own_line(opened, repository):
    line = Line(opened, repository)
    assert line.first == FirstModel.of(opened)
    assert (line.file, line.note) == (opened.dense.file, "")
    assert line.changes(opened.dense).top1_points == 0


def test_network_that_learned_from_a_teacher_begins_a_line(opened):
    taught = replace(opened, run=replace(opened.run, compression={"method": "distillation"}, parent="other:1"))
    assert taught.first == FirstModel.of(taught)


def test_run_that_compresses_records_the_first_model_and_hands_it_on(opened, compressed, tmp_path):
    first = {
        "published": "toy:1",
        "run": opened.run.run_id,
        "top1": round(opened.dense.validation.top1, 6),
        "workdir": str(opened.dense.file.parent),
    }
    assert read_run(tmp_path / "half").line == first
    begun = compressed.begin_run(
        tmp_path / "quarter", compressed.run.config, compression={"method": "magnitude"}, command="c"
    )
    assert begun.line == first


def test_what_is_made_of_a_compressed_model_is_compared_with_the_first(opened, compressed, repository):
    line = Line(compressed, repository)
    assert (line.first.published, line.file, line.note) == ("toy:1", opened.dense.file, "")
    assert line.changes(opened.dense).churn == 0
    assert line.changes(compressed.dense).top1_points < -20
    assert line.judge(compressed.dense, Limits()).reason.partition(" against ")[2].startswith("toy:1")


def test_first_model_whose_folder_is_gone_is_read_from_its_artifact(opened, compressed, repository):
    gone = {**asdict(FirstModel.of(opened)), "workdir": "/nowhere"}
    line = Line(replace(compressed, run=replace(compressed.run, line=gone)), repository)
    assert line.file == repository.load("toy", 1).model_path("litert")
    assert line.changes(opened.dense).churn == 0


def test_another_run_in_the_folder_of_the_first_is_not_taken_for_it(compressed, tmp_path, toy_run):
    folder = shutil.copytree(toy_run, tmp_path / "toy")
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "run_id": "another"}))
    moved = replace(compressed, run=replace(compressed.run, line={**compressed.run.line, "workdir": str(folder)}))
    assert Line(moved, Repository(tmp_path / "empty")).file is None


def test_first_model_that_is_gone_is_compared_by_its_figures_and_that_is_said(opened, compressed, tmp_path):
    gone = {**asdict(FirstModel.of(opened)), "top1": 1.0, "workdir": ""}
    line = Line(replace(compressed, run=replace(compressed.run, line=gone)), Repository(tmp_path / "empty"))
    assert line.file is None
    assert line.note == "the float32 file of toy:1 is gone: compared with its figures alone"
    wrong = replace(compressed.dense, validation=replace(compressed.dense.validation, top1=0.25))
    verdict = line.judge(wrong, Limits())
    assert not verdict.is_within
    assert -80 < line.changes(wrong).top1_points < -70


def test_run_from_before_is_followed_back_through_the_manifests(opened, compressed, repository):
    line = Line(without_record(compressed), repository)
    assert (line.first.published, line.first.run, line.first.workdir) == ("toy:1", opened.run.run_id, "")
    assert line.file == repository.load("toy", 1).model_path("litert")


@pytest.mark.parametrize("parent", [None, "toy:9"])
def test_run_from_before_that_leads_nowhere_is_compared_with_itself_and_that_is_said(compressed, repository, parent):
    line = Line(without_record(compressed, parent=parent), repository)
    assert line.first.published == "toy:2"
    assert line.note == "the first model of its line is not known: compared with toy:2 alone"


def test_likeness_is_of_all_images_that_no_figure_needs(opened, repository, tmp_path):
    file = shutil.copy(opened.dense.file, tmp_path / "copy.tflite")
    measured = measure_file(file, opened.run, opened.data, precision="float32")
    reason = Line(opened, repository).judge(measured, Limits()).reason
    num_images = len(opened.data.validation) + len(opened.data.train)
    assert f"of {num_images} images, those of the training among them, 100.00 % keep their label" in reason


def test_training_images_are_drawn_where_there_are_many(opened, monkeypatch):
    monkeypatch.setattr("optimize.line.MAX_TRAINING_IMAGES", 10)
    drawn = some_training_images(opened.data)
    assert len(drawn) == 10
    assert drawn.targets.tolist() == some_training_images(opened.data).targets.tolist()
