"""An ONNX file of somebody else's from the command to a version that is verified, exported and used."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="onnx is not installed: requirements/serve-onnx.txt")
pytest.importorskip("models.runtime.onnxruntime", reason="onnxruntime is not installed: requirements/serve-onnx.txt")

from onnx import TensorProto, helper
from onnx_models import colour_classifier, model_of

from models.cli import main
from models.importing import command
from models.store.model_files import ModelFile
from models.store.repository import Repository

COLOURS = ("red", "green", "blue")


@pytest.fixture
def models(tmp_path, capsys):
    """Run a command on a repository; gives status, stdout, stderr."""

    def run(*arguments):
        status = main([*map(str, arguments), "--repository", str(tmp_path / "repository")])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def import_file(models, tmp_path):
    """Import a model under the name `colours`."""
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))

    def run(model, *arguments):
        (tmp_path / "strangers.onnx").write_bytes(model.SerializeToString())
        return models("import", "colours", tmp_path / "strangers.onnx", "--labels", tmp_path / "labels.txt", *arguments)

    return run


@pytest.fixture
def photos(tmp_path):
    """Eight pictures a colour, in which there is a little more of that."""
    draw = np.random.default_rng(0)
    for channel, name in enumerate(COLOURS):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            pixels = draw.integers(0, 160, (16, 16, 3))
            pixels[..., channel] += 60
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_tried_on_photos_it_is_a_version_that_onnx_runtime_serves(models, import_file, photos, tmp_path):
    status, out, err = import_file(colour_classifier(scale=0.2), "--try", photos)
    assert (status, err) == (0, "")
    assert "float32: 100.0 % of 12 test photos" in out
    artifact = Repository(tmp_path / "repository").load("colours")
    manifest = artifact.manifest
    assert manifest.formats == {"onnx": ModelFile("model.onnx", "float32")}
    assert sorted(manifest.files) == ["golden.json", "model.onnx"]
    assert manifest.calibration.temperature != 1
    assert manifest.provenance["imported"]["kind"] == "onnx"
    assert "onnxruntime" in manifest.provenance["packages"]
    status, out, _ = models("verify", "colours")
    assert (status, out.splitlines()[-1]) == (
        0,
        "agrees   onnxruntime: largest difference 0.0000, same label for 10 of 10",
    )
    assert models("predict", "colours", photos, "--out", tmp_path / "answers.csv", "--runtime", "auto")[0] == 0
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["file"].split("/")[0] for row in rows]
    status, _, err = models("predict", "colours", photos, "--out", tmp_path / "b.csv", "--runtime", "litert")
    assert status != 0
    assert "has no file for the engine 'litert'; it has onnx (float32)" in err


def test_it_is_exported_as_it_is(models, import_file, tmp_path):
    assert import_file(colour_classifier(), "--range", "0..1", "--fit", "stretch")[0] == 0
    status, out, _ = models("export", "colours", "--out", tmp_path / "out", "--json")
    artifact = Repository(tmp_path / "repository").load("colours")
    assert (status, json.loads(out)[0]) == (0, str(tmp_path / "out" / "model.onnx"))
    assert (tmp_path / "out" / "model.onnx").read_bytes() == artifact.model_path("onnx").read_bytes()
    assert models("verify", tmp_path / "out" / "model.onnx")[0] == 0


def test_a_hostile_file_is_refused_in_a_line_and_nothing_is_published(import_file, tmp_path):
    model = colour_classifier()
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    status, _, err = import_file(model, "--range", "0..1", "--fit", "crop")
    assert status == 1
    assert err.startswith(
        "python -m models: its tensor 'weights' lies in another file, '../../etc/passwd', which is not"
    )
    assert err.count("\n") == 1
    assert not (tmp_path / "repository" / "colours").exists()


def test_a_file_that_takes_all_memory_when_it_is_run_ends_itself_alone(import_file):
    """Six billion numbers of a constant that is nothing but its shape."""
    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, 8, 8])
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["much"]),
        helper.make_node("ReduceSum", ["much"], ["sum"], keepdims=0),
        helper.make_node("GlobalAveragePool", ["pixels"], ["means"]),
        helper.make_node("Add", ["means", "sum"], ["answers"]),
    ]
    output = helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["N", 3, 1, 1])
    model = model_of(nodes, [image], [output], {"huge": np.array([60_000, 100_000], np.int64)})
    status, _, err = import_file(model, "--range", "0..1", "--fit", "crop")
    assert status == 1
    assert err.startswith("python -m models: ONNX Runtime cannot")
    assert err.count("\n") == 1


def test_without_onnx_runtime_a_line_says_how_to_install_it(import_file, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda _name: None)
    status, _, err = import_file(colour_classifier(), "--range", "0..1", "--fit", "crop")
    assert status == 1
    assert "requirements/serve-onnx.txt has both: make serve ONNX=1" in err


def test_it_cannot_be_quantized(import_file, photos):
    status, _, err = import_file(colour_classifier(), "--try", photos, "--int8")
    assert status == 1
    assert "--int8 needs the network itself (.keras, .h5 or a SavedModel), and not a .onnx" in err
