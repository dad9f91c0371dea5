import numpy as np
import pytest
from small_artifacts import small_manifest
from tflite_files import colour_classifier

from models.errors import FormatMissing
from models.pixels.spec import PixelSpec
from models.store.manifest import ModelFile
from models.store.repository import Repository
from optimize.report.compared import check_names, open_artifact, open_file


@pytest.fixture
def file(tmp_path):
    return colour_classifier(tmp_path / "colours.tflite")


@pytest.fixture
def repository(file, tmp_path):
    repository = Repository(tmp_path / "repository")
    manifest = small_manifest(formats={"litert": ModelFile("model.tflite", "float32")})
    for _ in range(2):
        repository.publish(manifest, {"model.tflite": file})
    return repository


def test_artifact_without_a_version_is_the_stable_one(repository):
    assert open_artifact(repository, "flowers").name == "flowers:2"
    assert open_artifact(repository, "flowers:1").name == "flowers:1"


def test_artifact_is_taken_as_its_manifest_says(repository):
    model = open_artifact(repository, "flowers")
    assert (model.precision, model.pixels, model.is_external) == ("float32", PixelSpec(32, 32, fit="stretch"), False)
    assert model.labels == ("daisy", "tulip", "Gänseblümchen")
    runtime = model.load(num_classes=3, num_threads=1)
    assert runtime.run([np.zeros((32, 32, 3), np.uint8)]).shape == (1, 3)
    runtime.close()


@pytest.mark.parametrize("target", ["flowers:", "flowers:one", "flowers:-1", "flowers:0"])
def test_versions_are_whole_numbers(repository, target):
    with pytest.raises(ValueError, match="a version must be a whole number >= 1"):
        open_artifact(repository, target)


def test_artifact_without_a_file_for_litert_is_refused(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "graph").write_bytes(b"graph")
    repository = Repository(tmp_path / "repository")
    manifest = small_manifest(formats={"tensorflow": ModelFile("saved_model", "float32")})
    repository.publish(manifest, {"saved_model": tmp_path / "saved_model"})
    with pytest.raises(FormatMissing, match="has no file for the engine 'litert'"):
        open_artifact(repository, "flowers")


def test_images_are_fitted_to_a_file_as_to_the_artifact_beside_it(file):
    like = PixelSpec(64, 64, crop_fraction=0.875, resample="bicubic")
    expected = PixelSpec(32, 32, crop_fraction=0.875, resample="bicubic")
    model = open_file("theirs", file, num_classes=3, like=like)
    assert (model.pixels, model.precision, model.is_external) == (expected, "uint8 in", True)
    assert open_file("theirs", file, num_classes=3, like=None).pixels == PixelSpec(32, 32)


def test_broken_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"colours\.tflite cannot be read: it is a broken LiteRT file"):
        open_file("theirs", file, num_classes=3, like=None)


def test_names_differ(file):
    model = open_file("theirs", file, num_classes=3, like=None)
    with pytest.raises(ValueError, match="'theirs' is given twice"):
        check_names([model, model])


def test_folder_for_gpus_is_taken_up_too(file, tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "graph").write_bytes(b"graph")
    repository = Repository(tmp_path / "repository")
    formats = {"litert": ModelFile("model.tflite", "int8"), "tensorflow": ModelFile("saved_model", "float16")}
    files = {"model.tflite": file, "saved_model": tmp_path / "saved_model"}
    published = repository.publish(small_manifest(formats=formats), files)
    model = open_artifact(repository, "flowers")
    assert (model.saved_model, model.saved_model_precision) == (published.path / "saved_model", "float16")
    assert open_file("theirs", file, num_classes=3, like=None).saved_model is None
