import numpy as np
import pytest
from small_artifacts import small_manifest
from tflite_files import colour_classifier
from toy_data import write_folders

from models.errors import RunFailed
from models.pixels.spec import PixelSpec
from models.store.manifest import ModelFile
from models.store.repository import Repository
from training.data import load_dataset
from training.dataset import HeldOut
from training.side_by_side import lines_of, side_by_side, version_before


@pytest.fixture
def data(tmp_path):
    """Six old and three new test photos, of each colour as many."""
    old = write_folders(tmp_path / "photos", num_images=40)
    new = write_folders(tmp_path / "spring", num_images=20, seed=7)
    return load_dataset(new, HeldOut(), old=old)


def published(tmp_path, data, labels=None):
    """toy:1, which is right for two classes of three."""
    repository = Repository(tmp_path / "repository")
    manifest = small_manifest(
        name="toy",
        labels=labels or data.labels,
        pixels=PixelSpec(height_px=32, width_px=32),
        formats={"litert": ModelFile("model.tflite", "float32")},
    )
    repository.publish(manifest, {"model.tflite": colour_classifier(tmp_path / "serving.tflite", order=(0, 0, 2))})
    return repository


def answers(data, wrong=()):
    targets = data.test.targets.copy()
    targets[list(wrong)] = (targets[list(wrong)] + 1) % len(data.labels)
    return np.eye(len(data.labels), dtype=np.float32)[targets]


def test_both_versions_are_measured_on_old_and_on_new_photos(tmp_path, data):
    before = version_before(None, data, published(tmp_path, data), "toy")
    old, new = side_by_side(answers(data, wrong=[0]), data, before)
    num_old, num_new = (source.num_test for source in data.sources)
    num_green = [int((part == 1).sum()) for part in np.split(data.test.targets, [num_old])]
    assert (old["photos"], old["name"], old["num_images"], old["num_right"]) == ("old", "photos", num_old, num_old - 1)
    assert (new["photos"], new["name"], new["num_images"], new["num_right"]) == ("new", "spring", num_new, num_new)
    assert [part["before"]["num_right"] for part in (old, new)] == [num_old - num_green[0], num_new - num_green[1]]
    assert (old["change"]["num_lost"], old["change"]["num_won"]) == (1, num_green[0])
    assert (new["change"]["num_lost"], new["change"]["num_won"]) == (0, num_green[1])
    assert old["before"]["version"] == "toy:1"
    for part in (old, new):
        low, high = part["interval"]
        assert 0 < low < part["num_right"] / part["num_images"] <= high


def test_lines_say_both_with_intervals(tmp_path, data):
    found = side_by_side(answers(data), data, version_before(None, data, published(tmp_path, data), "toy"))
    old, new = lines_of(found)
    assert old.startswith(f"old photos (photos): 100.0 % of {data.sources[0].num_test} test photos (")
    assert new.startswith(f"new photos (spring): 100.0 % of {data.sources[1].num_test} test photos (")
    assert all(") right, and " in line and " by toy:1: +" in line for line in (old, new))


def test_version_that_is_begun_from_is_asked_before_the_one_that_serves(tmp_path, data):
    repository = published(tmp_path, data)
    published(tmp_path, data)
    assert version_before(None, data, repository, "toy").reference == f"toy:{repository.stable_version('toy')}"
    other = 3 - repository.stable_version("toy")
    assert version_before(repository.load("toy", other), data, repository, "toy").reference == f"toy:{other}"


def test_version_is_never_right_of_a_class_that_it_does_not_know(tmp_path, data):
    before = version_before(None, data, published(tmp_path, data, labels=("blue", "green", "pear")), "toy")
    assert not before.is_right[data.test.targets == 2].any()
    assert before.is_right[data.test.targets == 0].all()


def test_where_no_version_can_be_asked_the_new_one_stands_alone(tmp_path, data, monkeypatch):
    assert version_before(None, data, Repository(tmp_path / "empty"), "toy") is None
    repository = published(tmp_path, data)

    def fail(*_, **__):
        raise RunFailed("no GPU")

    monkeypatch.setattr("training.promotion.load_runtime", fail)
    assert version_before(None, data, repository, "toy") is None
    old, _ = side_by_side(answers(data), data, None)
    assert set(old) == {"photos", "name", "num_images", "num_right", "interval"}
    assert next(lines_of([old])).endswith(") right")


def test_photos_without_any_to_test_on_are_said_to_be_unmeasured():
    figures = {"photos": "new", "name": "spring", "num_images": 0, "num_right": 0, "interval": [0.0, 1.0]}
    assert list(lines_of([figures])) == ["new photos (spring): not measured: no test photos"]
