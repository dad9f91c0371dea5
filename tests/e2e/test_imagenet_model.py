"""The newcomer's model in models/zoo: it knows ordinary things, is what its manifest says, and is the default."""

import json
import urllib.request
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from running_server import RunningServer

from models.measuring.metrics import measure
from models.network.pretrained import WEIGHTS
from models.runtime import load_runtime
from models.store.repository import Repository
from optimize.imagenet import read_classes, read_photos
from training.evaluate import predict

REPO = Path(__file__).resolve().parents[2]
DAISY = REPO / "tests" / "data" / "daisy_2408024540.jpg"
ZOO = Repository(REPO / "models" / "zoo")


@pytest.fixture(scope="module")
def artifact():
    return ZOO.load("imagenet")


def test_is_one_int8_file_of_five_megabytes_with_its_notice(artifact):
    assert artifact.manifest.formats.keys() == {"litert"}
    assert artifact.manifest.formats["litert"].precision == "int8"
    assert artifact.manifest.files.keys() == {"model.tflite", "NOTICE", "golden.json"}
    assert artifact.model_path("litert").stat().st_size <= 5_500_000
    assert "Apache License, Version 2.0" in (artifact.path / "NOTICE").read_text()


def test_manifest_says_what_it_was_made_of_and_what_the_figures_are_of(artifact):
    manifest = artifact.manifest
    assert manifest.labels == tuple(read_classes().values())
    assert manifest.provenance["command"].startswith("python -m optimize.imagenet --photos imagenette_224_subset.zip ")
    assert manifest.provenance["weights"]["sha256"] == WEIGHTS["lite0"].sha256
    assert len(manifest.provenance["int8_ranges_of"]["images"]) == 32
    assert "no accuracy on ImageNet" in manifest.metrics["measured_on"]
    int8, float32 = (manifest.metrics[precision] for precision in ("int8", "float32"))
    assert int8["num_images"] == float32["num_images"] == 500
    assert float32["top1"] - int8["top1"] <= 0.02
    assert int8["top1"] >= 0.70
    assert manifest.calibration.num_images == 46
    assert int8["loss"] < int8["before_temperature"]["test"]["loss"]


def test_all_but_the_softmax_runs_in_one_piece_in_xnnpack(artifact):
    interpreter = Interpreter(str(artifact.model_path("litert")))
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    [delegated] = [op for op in operators if op["op_name"] == "DELEGATE"]
    [softmax] = [op for op in operators if op["op_name"] == "SOFTMAX"]
    assert delegated["outputs"].tolist() == softmax["inputs"].tolist()


def test_daisy_is_a_daisy_over_http_in_the_model_that_is_served_by_default():
    running = RunningServer(["-m", "server"], {})
    try:
        running.wait_until_ready()
        status, document = running.request("POST", "/predict", DAISY.read_bytes(), {"Content-Type": "image/jpeg"})
        assert status == 200
        assert document["model"] == "imagenet"
        [prediction] = document["predictions"]
        assert prediction["label"] == "daisy"
        assert prediction["probability"] > 0.9
        assert prediction["unsure"] is False
        beside = running.request("POST", "/predict?model=cifar10", DAISY.read_bytes(), {"Content-Type": "image/jpeg"})
        assert (beside[0], beside[1]["model"]) == (200, "cifar10")
    finally:
        running.end()


@pytest.mark.slow
@pytest.mark.extended(covers=["models/zoo/**/*", "server/engine/registry.py", "server/engine/load*.py"])
def test_where_tensorflow_runs_the_models_the_default_is_one_that_has_a_file_for_it(artifact):
    refusal = f"model 'imagenet' version {artifact.manifest.version} has no file for the engine 'tensorflow'"
    running = RunningServer(["-m", "server"], {"OPSIN_RUNTIME": "tensorflow", "OPSIN_MAX_BATCH": "1"})
    try:
        running.wait_until_ready()
        status, document = running.request("POST", "/predict", DAISY.read_bytes(), {"Content-Type": "image/jpeg"})
        assert (status, document["model"]) == (200, "cifar10")
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/readyz") as readiness:
            assert refusal in json.dumps(json.load(readiness))
    finally:
        running.end()


@pytest.mark.slow
@pytest.mark.extended(covers=["models/zoo/imagenet/**/*", "models/pixels/**/*.py", "models/runtime/*.py"])
@pytest.mark.parametrize("runtime", ["litert", "openvino"])
def test_is_as_good_as_its_manifest_says(artifact, shared_data, runtime):
    photos = read_photos(shared_data / "imagenette_224_subset.zip").test
    with closing(load_runtime(artifact, runtime=runtime, num_threads=2, batch_sizes=(1,))) as loaded:
        figures = measure(predict(loaded, photos, artifact.manifest.pixels), photos.targets)
    # Kernels round differently from processor to processor: a few photos may change sides.
    assert figures.top1 == pytest.approx(artifact.manifest.metrics["int8"]["top1"], abs=0.012)
    assert np.isfinite(figures.loss)
