"""The real engine process with each of the runtimes, asked over HTTP."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace

import numpy as np
import pytest
from cifar10_sample import sample_pixels
from PIL import Image
from running_server import ROOT, RunningServer

from models.pixels.preprocessing import PixelSpec
from models.runtime import load_runtime
from models.store.manifest import ModelFile
from models.store.repository import Repository

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LABELS = tuple("abcdefghij")


def pictures():
    return sample_pixels()[:12]


def encode(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def answers(running):
    """The probabilities of all pictures, by label."""
    predictions = []
    for pixels in pictures():
        status, document = running.request("POST", "/predict?top_k=10", encode(pixels))
        assert status == 200, document
        [prediction] = document["predictions"]
        predictions.append({ranked["label"]: ranked["probability"] for ranked in prediction["top_k"]})
    return predictions


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_answers_as_litert_does_up_to_rounding():
    servers = [
        RunningServer(["-m", "server"], {"OPSIN_MODEL": "cifar10", "OPSIN_RUNTIME": runtime})
        for runtime in ("litert", "openvino")
    ]
    try:
        litert, openvino = (answers(running.wait_until_ready()) for running in servers)
    finally:
        for running in servers:
            running.end()
    for ours, theirs in zip(litert, openvino, strict=True):
        assert ours.keys() == theirs.keys()
        assert np.mean([abs(ours[label] - theirs[label]) for label in ours]) < 0.02


def test_saved_model_of_tensorflow_is_served_on_the_cpu(tmp_path, small_artifact):
    running = RunningServer(
        ["-m", "server"],
        {"OPSIN_REPOSITORY": str(tmp_path / "repository"), "OPSIN_RUNTIME": "tensorflow", "OPSIN_MAX_BATCH": "2"},
    )
    try:
        predictions = answers(running.wait_until_ready())
    finally:
        running.end()
    runtime = load_runtime(small_artifact, runtime="tensorflow", batch_sizes=(1,))
    for pixels, probabilities in zip(pictures(), predictions, strict=True):
        expected = runtime.run([pixels])[0]
        assert [probabilities[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
    runtime.close()


@pytest.fixture
def small_artifact(tmp_path):
    from small_artifacts import small_manifest

    from models.network.export import export_saved_model
    from models.network.resnet_v2 import ResNetV2, build

    model = build(ResNetV2.of("20", width=4))
    export_saved_model(model, tmp_path / "saved_model", "float32")
    manifest = small_manifest(
        labels=LABELS, pixels=PixelSpec(32, 32), formats={"tensorflow": ModelFile("saved_model", "float32")}
    )
    return Repository(tmp_path / "repository").publish(manifest, {"saved_model": tmp_path / "saved_model"})


def test_artifact_without_a_file_for_the_runtime_is_refused_with_what_it_has(tmp_path):
    shipped = Repository(ROOT / "models" / "zoo").load("cifar10")
    manifest = replace(shipped.manifest, formats={"litert": shipped.manifest.formats["litert"]})
    Repository(tmp_path).publish(manifest, {"model.tflite": shipped.model_path("litert")})
    running = RunningServer(["-m", "server"], {"OPSIN_RUNTIME": "tensorflow", "OPSIN_REPOSITORY": str(tmp_path)})
    output, errors = running.process.communicate(timeout=60)
    assert running.process.returncode == 2
    assert "has no file for the engine 'tensorflow'; it has litert (int8)" in errors
    assert "python -m optimize export --for gpu cifar10:1 --workdir RUN" in errors
    assert output == ""
