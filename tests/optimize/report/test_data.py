from pathlib import Path

import pytest
from toy_data import LABELS, write_folders

from models.pixel_spec import PixelSpec
from optimize.report.compared import Compared
from optimize.report.data import load_data


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


def test_without_a_word_about_it_the_split_is_that_of_training_by_default(folder):
    from training.config import TrainingConfig

    default = TrainingConfig()
    expected = load_data(folder, [], test_fraction=default.test_fraction, seed=default.seed)
    assert list(load_data(folder, [artifact(provenance={})]).test.encoded()) == list(expected.test.encoded())


def test_other_labels_are_refused(folder):
    with pytest.raises(ValueError, match=r"the labels of toy:1 are not those of .*: a, b against blue, green, red"):
        load_data(folder, [artifact(labels=("a", "b"))])
