from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from small_artifacts import small_manifest, small_sources
from trained_models import trained

from models.network.export import export_saved_model
from models.network.resnet_v2 import ResNetV2
from models.store.manifest import ModelFile
from models.store.repository import Repository
from training.config import preset, replaced
from training.run import RunError
from training.transfer.loading import load_network
from training.transfer.starting_point import find_starting_point

RESNET = ResNetV2("8", (32, 32, 3), num_classes=3, width=4)


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path / "repository")


def publish(repository: Repository, folder: Path, *formats: str) -> None:
    engines = {"litert": ModelFile("model.tflite", "int8"), "tensorflow": ModelFile("saved_model", "float32")}
    sources = small_sources(folder)
    chosen = {name: engines[name] for name in formats}
    manifest = small_manifest(architecture=RESNET.to_dict(), formats=chosen)
    repository.publish(manifest, {file.file: sources[file.file] for file in chosen.values()})


def test_nothing_is_no_starting_point(repository):
    assert find_starting_point("none", repository) is None


@pytest.mark.parametrize(("name", "side_px"), [("lite0", 224), ("lite2", 260)])
def test_backbone_brings_its_network_and_the_size_of_its_images(repository, name, side_px):
    start = find_starting_point(name, repository)
    assert start.changes == {"variant": name, "image_px": side_px}
    assert (start.labels, start.parent) == ((), None)


def test_run_brings_its_network_its_classes_and_its_commands(repository, toy_run):
    for init in (toy_run, toy_run / "model.keras"):
        start = find_starting_point(str(init), repository)
        assert (start.changes["variant"], start.changes["width"], start.changes["image_px"]) == ("8", 16, 32)
        assert start.labels == ("blue", "green", "red")
        assert start.ancestry == ("python -m training --data toy.npz --preset smoke",)


def test_version_with_a_saved_model_brings_its_network(repository, tmp_path):
    publish(repository, tmp_path, "litert", "tensorflow")
    start = find_starting_point("flowers:1", repository)
    assert (start.changes["variant"], start.changes["width"], start.changes["image_px"]) == ("8", 4, 32)
    assert (start.parent, start.labels[0]) == ("flowers:1", "daisy")


def test_version_of_a_tflite_alone_is_refused(repository, tmp_path):
    publish(repository, tmp_path, "litert")
    with pytest.raises(ValueError, match=r"flowers:1 has a \.tflite alone.*--init runs/flowers"):
        find_starting_point("flowers:1", repository)


@pytest.mark.parametrize("init", ["lite9", "pets:2", "runs/pets", "pets:x"])
def test_what_is_not_there_is_refused_with_what_is_allowed(repository, init):
    with pytest.raises(
        ValueError, match=rf"--init must be lite0, lite2, resnet50v2, none, NAME:VERSION .*, got '{init}'"
    ):
        find_starting_point(init, repository)


def test_weights_of_a_version_are_taken_and_its_classifier_is_not(repository, tmp_path):
    model = trained(RESNET)
    export_saved_model(model, tmp_path / "saved", "float32")
    manifest = small_manifest(
        architecture=RESNET.to_dict(), formats={"tensorflow": ModelFile("saved_model", "float32")}
    )
    repository.publish(manifest, {"saved_model": tmp_path / "saved"})
    start = find_starting_point("flowers", repository)
    loaded = load_network(start, replaced(preset("photos"), start.changes), num_classes=3)
    for layer in model.layers:
        for before, after in zip(layer.get_weights(), loaded.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(before, after) == (layer.name != "predictions" or before.ndim == 1)


def test_backbone_whose_package_is_missing_is_refused_with_the_command(repository, monkeypatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("models.network.pretrained.distribution", missing)
    with pytest.raises(RunError, match=r"pip install --no-deps .*; or train from nothing: --init none"):
        load_network(find_starting_point("lite0", repository), preset("photos"), num_classes=3)


def test_weights_of_keras_applications_are_a_starting_point_of_resnet_50(repository, tmp_path, monkeypatch):
    file = tmp_path / "resnet50v2.h5"
    file.touch()
    start = find_starting_point(str(file), repository)
    assert start.changes == {"variant": "50", "image_px": 224, "crop_fraction": 0.875}
    config = replaced(preset("scratch"), {**start.changes, "image_px": 64})
    monkeypatch.setattr("training.transfer.loading.resnet_with_weights", lambda *arguments: arguments)
    architecture = ResNetV2.of("50", input_shape=(64, 64, 3), num_classes=4)
    assert load_network(start, config, num_classes=4) == (architecture, file)
    with pytest.raises(RunError, match=r"resnet50v2\.h5 needs variant=50, got lite0"):
        load_network(start, replaced(config, {"variant": "lite0"}), num_classes=4)


def test_weights_of_keras_applications_are_downloaded_only_when_they_are_asked_for(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("training.transfer.loading.downloaded", lambda: tmp_path / "w.h5")
    monkeypatch.setattr("training.transfer.loading.resnet_with_weights", lambda _, file: file)
    start = find_starting_point("resnet50v2", repository)
    config = replaced(preset("scratch"), start.changes)
    assert load_network(start, config, num_classes=4) == tmp_path / "w.h5"


def test_file_that_holds_no_weights_of_keras_is_refused_in_one_line(repository, tmp_path):
    (tmp_path / "x.h5").touch()
    start = find_starting_point(str(tmp_path / "x.h5"), repository)
    config = replaced(preset("scratch"), start.changes)
    with pytest.raises(RunError, match=r"x\.h5 is not a file of weights as Keras 2 writes it"):
        load_network(start, config, num_classes=4)
