"""The real engine process with each of the runtimes, asked over HTTP."""

from __future__ import annotations

import importlib.util
import io
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
import pytest
from cifar10_sample import sample_pixels
from PIL import Image
from running_server import ROOT, RunningServer, wait_until
from tried_runtimes import trial
from waiting import SOON_S

from models.pixels.preprocessing import PixelSpec
from models.runtime import load_runtime
from models.runtime.cores import available_cores
from models.runtime_choice.choice import choose, key_of
from models.runtime_choice.installed import installed_runtimes
from models.runtime_choice.kept_trials import KeptTrials
from models.runtime_choice.record import Trial
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


needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")


@needs_openvino
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


@pytest.fixture
def start_auto(tmp_path):
    """Start a server that tries runtimes, or knows from an earlier start which is fastest."""
    with ExitStack() as ends:

        def start_auto():
            environ = {"OPSIN_MODEL": "cifar10", "OPSIN_RUNTIME": "auto", "OPSIN_CACHE": str(tmp_path / "cache")}
            running = RunningServer(["-m", "server"], environ)
            ends.callback(running.end)
            return running.wait_until_ready()

        yield start_auto


def served(running):
    """What /readyz tells of the model."""
    [model] = running.request("GET", "/readyz")[1]["models"]
    return model


@needs_openvino
def test_runtimes_are_tried_beside_the_service_and_the_next_start_knows(start_auto, tmp_path):
    running = start_auto()
    wait_until(lambda: served(running)["trials"])
    found = served(running)
    choice = choose([Trial.from_dict(each) for each in found["trials"]])
    assert (found["runtime"], found["reason"]) == (choice.runtime, choice.reason)
    [tried] = choice.trials
    assert (tried.runtime, tried.num_pictures) == ("openvino", 10)
    assert min(*tried.lone_ms, *tried.images_per_s, tried.speed) > 0
    assert all(len(prediction) == 10 for prediction in answers(running))
    running.stop()
    kept = [*(tmp_path / "cache" / "runtimes").iterdir()]
    assert len(kept) == choice.is_lasting
    if kept:
        again = start_auto()
        wait_until(lambda: served(again)["trials"])
        assert served(again) == found


@needs_openvino
def test_faster_runtime_takes_over_and_no_request_notices(start_auto, tmp_path):
    artifact = Repository(ROOT / "models" / "zoo").load("cifar10")
    key = key_of(artifact, installed_runtimes(), available_cores())
    KeptTrials(tmp_path / "cache", key).write([trial(2.0)])
    running, statuses = start_auto(), []
    picture = encode(pictures()[0])
    while served(running)["runtime"] != "openvino" or len(statuses) < 100:
        statuses.append(running.request("POST", "/predict", picture, {"X-Request-Timeout-Ms": "100000"})[0])
    assert set(statuses) == {200}
    assert served(running)["reason"] == "it was 2.00 times as fast as litert and agrees with the golden answers"
    with closing(load_runtime(artifact, runtime="openvino", num_threads=available_cores())) as runtime:
        for pixels, prediction in zip(pictures(), answers(running), strict=True):
            expected = dict(zip(artifact.manifest.labels, runtime.run([pixels])[0].tolist(), strict=True))
            assert prediction == pytest.approx(expected, abs=1e-6)


def test_saved_model_of_tensorflow_is_served_on_the_cpu(tmp_path, small_artifact):
    running = RunningServer(
        ["-m", "server"],
        {"OPSIN_REPOSITORY": str(tmp_path / "repository"), "OPSIN_RUNTIME": "tensorflow", "OPSIN_MAX_BATCH": "2"},
    )
    try:
        predictions = answers(running.wait_until_ready())
        is_explainable = running.request("GET", "/readyz")[1]["models"][0]["explainable"]
        status, document = running.request("POST", "/predict?explain=true&embedding=true", encode(pictures()[0]))
    finally:
        running.end()
    assert (status, is_explainable) == (200, True), document
    runtime = load_runtime(small_artifact, runtime="tensorflow", batch_sizes=(1,), explains=True)
    assert_explained(document["predictions"][0], runtime)
    for pixels, probabilities in zip(pictures(), predictions, strict=True):
        expected = runtime.run([pixels])[0]
        assert [probabilities[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
    runtime.close()


def assert_explained(prediction, runtime):
    """The map of the likeliest label and the embedding are the runtime's own, of the first picture."""
    runtime.run(pictures()[:1])
    class_map, embedding = runtime.head.explained(runtime.features(0), LABELS.index(prediction["label"]))
    assert prediction["explanation"]["label"] == prediction["label"]
    np.testing.assert_allclose(prediction["explanation"]["map"], class_map, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(prediction["embedding"], embedding, rtol=1e-4, atol=1e-4)


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
    output, errors = running.process.communicate(timeout=SOON_S)
    assert running.process.returncode == 2
    assert "has no file for the engine 'tensorflow'; it has litert (int8)" in errors
    assert "python -m optimize export --for gpu cifar10:1 --workdir RUN" in errors
    assert output == ""
