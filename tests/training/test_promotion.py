import numpy as np
import pytest
from small_artifacts import small_manifest
from tflite_files import colour_classifier

from models.errors import RunFailed
from models.pixels.spec import PixelSpec
from models.store.manifest import ModelFile
from models.store.repository import Repository
from training.data import load_dataset
from training.dataset import HeldOut
from training.promotion import compare_with_serving


@pytest.fixture
def data(toy_npz):
    return load_dataset(toy_npz, HeldOut())


@pytest.fixture
def repository(tmp_path, data):
    """With toy:1, which is right for two classes of three."""
    repository = Repository(tmp_path / "repository")
    publish(repository, data, colour_classifier(tmp_path / "serving.tflite", order=(0, 0, 2)))
    return repository


def publish(repository, data, file, labels=None, **provenance):
    manifest = small_manifest(
        name="toy",
        labels=labels or data.labels,
        pixels=PixelSpec(height_px=32, width_px=32),
        formats={"litert": ModelFile("model.tflite", "float32")},
        provenance=provenance,
    )
    return repository.publish(manifest, {"model.tflite": file})


def answers(data, num_wrong):
    """Certain answers to the test images, of which the first are wrong."""
    labels = data.test.targets.copy()
    labels[:num_wrong] = (labels[:num_wrong] + 1) % 3
    return np.eye(3, dtype=np.float32)[labels]


def test_first_version_is_served(tmp_path, data):
    assert compare_with_serving(answers(data, 30), data, Repository(tmp_path), "toy").is_served


def test_version_that_is_right_for_as_many_photos_is_served_and_for_one_fewer_is_not(repository, data):
    num_images = len(data.test)
    num_wrong = int((data.test.targets == 1).sum())
    as_good = compare_with_serving(answers(data, num_wrong), data, repository, "toy")
    worse = compare_with_serving(answers(data, num_wrong + 1), data, repository, "toy")
    assert (as_good.is_served, worse.is_served) == (True, False)
    assert as_good.instead_of == worse.instead_of == 1
    was = f"{100 * (num_images - num_wrong) / num_images:.1f} % by version 1, which was served"
    assert f"of {num_images} test images" in worse.reason
    assert f"{was}: {-100 / num_images:+.1f} points (" in worse.reason


def test_it_is_told_what_so_many_photos_can_tell(repository, data):
    num_wrong = int((data.test.targets == 1).sum())
    best, as_good, worst = (
        compare_with_serving(answers(data, number), data, repository, "toy").reason
        for number in (0, num_wrong, len(data.test))
    )
    assert best.endswith(f", {num_wrong} right by this one alone and 0 by that one alone; it is better")
    assert as_good.endswith("alone; these are too few images to tell which is better")
    assert worst.endswith(
        f", 0 right by this one alone and {len(data.test) - num_wrong} by that one alone; it is worse"
    )


def test_accuracy_that_may_be_lost_is_lost(repository, data):
    num_wrong = int((data.test.targets == 1).sum()) + 1
    lost_points = 100 / len(data.test)
    for allowed, is_served in ((lost_points, True), (lost_points - 0.01, False)):
        verdict = compare_with_serving(answers(data, num_wrong), data, repository, "toy", max_accuracy_drop=allowed)
        assert verdict.is_served is is_served


def test_version_with_other_labels_does_not_take_the_place_of_one_that_clients_know(repository, data, tmp_path):
    publish(repository, data, colour_classifier(tmp_path / "other.tflite"), labels=("x", "y", "z"))
    verdict = compare_with_serving(answers(data, 0), data, repository, "toy")
    assert not verdict.is_served
    assert verdict.reason == "version 2, which is served, has other labels, which those who ask for toy may rely on"


def test_version_that_is_broken_is_replaced(repository, data):
    (repository.root / "toy" / "1" / "model.tflite").write_bytes(b"")
    verdict = compare_with_serving(answers(data, 30), data, repository, "toy")
    assert (verdict.is_served, verdict.instead_of) == (True, 1)


def test_version_that_cannot_be_run_here_stays(repository, data, monkeypatch):
    def fail(*_, **__):
        raise RunFailed("no GPU")

    monkeypatch.setattr("training.promotion.load_runtime", fail)
    verdict = compare_with_serving(answers(data, 0), data, repository, "toy")
    assert (verdict.is_served, verdict.reason) == (False, "version 1, which is served, cannot be compared: no GPU")


def test_what_was_judged_already_is_not_compared_by_test_images(repository, data, tmp_path):
    publish(repository, data, colour_classifier(tmp_path / "head.tflite"), run="r")
    for runs, is_served in (({"r", "s"}, True), ({"s"}, False), ((), False)):
        verdict = compare_with_serving(answers(data, 30), data, repository, "toy", judged_runs=runs)
        assert verdict.is_served is is_served
