"""An ONNX file in a version; the network is run by LiteRT here in the place of ONNX Runtime, but for the last test."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.cli import main
from models.errors import FormatMissing
from models.portable import onnx_file, onnx_version, verify
from models.portable.completed import completed
from models.portable.export import export_files
from models.portable.onnx_version import with_onnx
from models.runtime.model_file import load_file
from models.store.model_files import ModelFile
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)


def as_litert(path, **options):
    """What is in the file is a LiteRT file."""
    return load_file(path, **{**options, "runtime": "litert"})


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(onnx_version, "NUM_ROUNDS", 2)
    monkeypatch.setattr(onnx_version, "convert", lambda path, **_: path.read_bytes())
    monkeypatch.setattr(onnx_version, "version", lambda _package: "1.2.3")
    for module in (onnx_version, verify):
        monkeypatch.setattr(module, "load_file", as_litert)
    monkeypatch.setattr(verify.importlib.util, "find_spec", lambda name: name == "onnxruntime")


@pytest.fixture
def photos(tmp_path):
    """Two photos, of which the network takes the first for what its folder says, and the second not."""
    gray = np.full((32, 32, 3), 128, np.uint8)
    runtime = as_litert(ARTIFACT.model_path("litert"), input_shape=(32, 32, 3), num_classes=10)
    found = ARTIFACT.manifest.labels[int(runtime.run([gray])[0].argmax())]
    other = next(label for label in ARTIFACT.manifest.labels if label != found)
    for label in (found, other):
        (tmp_path / "test" / label).mkdir(parents=True)
        Image.fromarray(gray).save(tmp_path / "test" / label / "gray.png")
    return tmp_path / "test"


@pytest.fixture
def publish(tmp_path, capsys):
    def run(*arguments):
        repository = Repository(tmp_path / "models")
        status = main(["publish", str(ARTIFACT.path), "--repository", str(repository.root), *map(str, arguments)])
        return status, capsys.readouterr().err, repository

    return run


def test_published_with_onnx_a_version_has_the_file_with_its_figures(publish, stand_in, photos):
    status, _, repository = publish("--onnx", "--test", photos)
    assert status == 0
    artifact = repository.load("cifar10")
    content = (artifact.path / "model.onnx").read_bytes()
    assert artifact.manifest.files["model.onnx"] == hashlib.sha256(content).hexdigest()
    figures = dict(artifact.manifest.metrics["onnx"])
    assert figures.pop("processor")
    assert set(figures.pop("ms_per_image")) == {"onnxruntime", "litert"}
    assert figures == {
        "file": "model.onnx",
        "runtime": "onnxruntime 1.2.3",
        "golden": {"num_images": 10, "num_same_label": 10, "largest_difference": 0.0},
        "top1": 0.5,
        "num_images": 2,
        "litert_top1": 0.5,
        "num_same_label": 2,
    }
    assert artifact.manifest.formats["onnx"] == ModelFile("model.onnx", "int8", saturates=False)
    assert artifact.manifest.metrics["int8"] == ARTIFACT.manifest.metrics["int8"]


def test_computed_in_float32_it_is_told_so(publish, stand_in):
    status, _, repository = publish("--onnx-float32")
    assert status == 0
    assert repository.load("cifar10").manifest.formats["onnx"] == ModelFile("model.onnx", "float32")


def test_verify_runs_it_and_export_takes_it(publish, stand_in, tmp_path, capsys):
    repository = publish("--onnx")[2]
    assert main(["verify", "cifar10", "--json", "--repository", str(repository.root)]) == 0
    golden = json.loads(capsys.readouterr().out)["golden"]
    assert [(each["source"], each["parts_at"]) for each in golden][-1] == ("onnxruntime", None)
    artifact = repository.load("cifar10")
    files = export_files(artifact, tmp_path / "phone", with_onnx=True)
    assert files[-1].read_bytes() == (artifact.path / "model.onnx").read_bytes()


def test_a_folder_that_is_no_label_is_named(publish, stand_in, photos):
    (photos / "odd").mkdir()
    (photos / "odd" / "gray.png").write_bytes(b"")
    status, err, _ = publish("--onnx", "--test", photos)
    assert status == 1
    assert "test photos must be in folders that are called as labels, 'odd/gray.png' is not" in err


def test_a_test_photo_that_is_broken_is_told(publish, stand_in, photos):
    next(photos.rglob("*.png")).write_bytes(b"")
    status, err, _ = publish("--onnx", "--test", photos)
    assert status == 1
    assert "the test photos cannot be used: the upload is empty" in err


def test_test_photos_alone_are_refused(publish, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        publish("--test", tmp_path)


def test_a_version_without_a_litert_file_has_no_onnx(stand_in):
    manifest = ARTIFACT.manifest.__class__(
        **{**vars(ARTIFACT.manifest), "formats": {"tensorflow": ModelFile("saved_model", "float16")}}
    )
    with pytest.raises(FormatMissing, match="no file for the engine 'litert' that ONNX could be made of"):
        with_onnx(manifest, {}).__enter__()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # tf2onnx' own
def test_onnx_runtime_agrees_and_is_measured(monkeypatch):
    pytest.importorskip("tf2onnx", reason="requirements/onnx.txt is not installed")
    pytest.importorskip("onnxruntime", reason="requirements/onnx.txt is not installed")
    monkeypatch.setattr(onnx_version, "NUM_ROUNDS", 2)
    sources = {path: ARTIFACT.path / path for path in ARTIFACT.manifest.files}
    with completed(ARTIFACT.manifest, sources) as files, with_onnx(ARTIFACT.manifest, files) as (manifest, made):
        assert onnx_file.ONNX_FILE in made
        figures = manifest.metrics["onnx"]
    assert figures["golden"]["num_same_label"] == 10
    assert figures["golden"]["largest_difference"] < 0.1
    assert min(figures["ms_per_image"].values()) > 0
