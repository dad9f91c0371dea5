from dataclasses import replace
from pathlib import Path

import pytest
from toy_data import LABELS, write_folders, write_npz

from models.pixels.spec import PixelSpec
from optimize.report.compared import Compared
from optimize.report.data import load_data, notes


def artifact(**changes) -> Compared:
    fields = {"labels": LABELS, "provenance": {"config": {"test_fraction": 0.5, "seed": 3}}}
    return Compared("toy:1", Path("toy.tflite"), PixelSpec(32, 32), "int8", **{**fields, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folders(tmp_path_factory.mktemp("data"), num_images=24)


def test_data_is_split_as_when_the_first_artifact_was_trained(folder):
    as_trained = list(load_data(folder, [artifact()]).test.encoded())
    assert as_trained == list(load_data(folder, [], test_fraction=0.5, seed=3).test.encoded())
    assert as_trained != list(load_data(folder, [artifact()], seed=4).test.encoded())
    assert len(as_trained) == 12


def test_files_are_read_as_they_were_in_training(folder):
    read = artifact(provenance={"config": {"max_image_pixels": 1}})
    with pytest.raises(ValueError, match="no readable image to train on of blue, green, red"):
        load_data(folder, [read])


def test_without_a_word_about_it_the_split_is_that_of_training_by_default(folder):
    from training.config import TrainingConfig

    default = TrainingConfig()
    expected = load_data(folder, [], test_fraction=default.test_fraction, seed=default.seed)
    assert list(load_data(folder, [artifact(provenance={})]).test.encoded()) == list(expected.test.encoded())


@pytest.mark.parametrize("test_fraction", [0, 1, 2, float("nan")])
def test_part_that_cannot_be_held_out_is_refused_though_the_data_has_a_test_set(toy_npz, test_fraction):
    with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\), got "):
        load_data(toy_npz, [], test_fraction=test_fraction)


def trained(data, name: str, **split) -> Compared:
    provenance = {"dataset": {"sha256": data.sha256}, "config": {"test_fraction": 0.5, "seed": 3, **split}}
    return replace(artifact(provenance=provenance), name=name)


def test_each_model_that_was_trained_with_another_split_is_noted(folder):
    data = load_data(folder, [artifact()])
    models = [
        trained(data, "same:1"),
        trained(data, "seed:1", seed=4),
        trained(data, "fraction:1", test_fraction=0.25),
    ]
    assert list(notes(models, data)) == [
        f"seed:1 was trained with another split of {data.name} (test fraction 0.5, seed 4): "
        "its test images may have been seen.",
        f"fraction:1 was trained with another split of {data.name} (test fraction 0.25, seed 3): "
        "its test images may have been seen.",
    ]


def test_first_model_is_noted_too_where_another_split_is_asked_for(folder):
    data = load_data(folder, [artifact()], seed=5)
    [note] = notes([trained(data, "first:1")], data)
    assert note.startswith("first:1 was trained with another split")


def test_there_is_no_other_split_of_data_with_a_test_set_of_its_own(tmp_path):
    data = load_data(write_npz(tmp_path / "toy.npz"), [artifact()], seed=5)
    assert not list(notes([trained(data, "seed:1", seed=4)], data))


def test_other_labels_are_refused(folder):
    with pytest.raises(ValueError, match=r"the labels of toy:1 are not those of .*: a, b against blue, green, red"):
        load_data(folder, [artifact(labels=("a", "b"))])
