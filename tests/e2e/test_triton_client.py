"""NVIDIA's tritonclient against the real server: every method that it has, waiting and by asyncio."""

from __future__ import annotations

import numpy as np
import pytest
from foreign_clients import PHOTO, told_by

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def told(served):
    """What the clients were told, by the way of calling and the name of the call."""
    return told_by("triton_http.py", f"127.0.0.1:{served.port}", "colours", PHOTO)


@pytest.fixture(params=["waiting", "asyncio"])
def answers(told, request):
    return told[request.param]


@pytest.fixture(scope="module")
def probabilities(served):
    """What /predict says of the photo, in the order of the labels."""
    _, document = served.request("POST", "/predict", PHOTO.read_bytes())
    top_k = document["predictions"][0]["top_k"]
    of_label = {each["label"]: each["probability"] for each in top_k}
    return [of_label[label] for label in ("red", "green", "blue")]


def test_server_is_live_and_its_model_ready(answers):
    assert (answers["live"], answers["ready"], answers["model_ready"], answers["version_ready"]) == (True,) * 4
    assert answers["other_ready"] is False


def test_server_and_model_say_what_they_are(answers):
    assert answers["server"]["name"] == "opsin"
    assert [tensor["name"] for tensor in answers["metadata"]["inputs"]] == ["pixels", "image"]
    assert answers["config"]["input"][0]["format"] == "FORMAT_NHWC"
    assert answers["index"] == [{"name": "colours", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("call", ["bytes", "json", "gzip", "deflate"])
def test_photo_has_the_same_probabilities_each_way(answers, probabilities, call):
    for row in answers[call]["rows"]:
        assert np.float32(row).tolist() == np.float32(probabilities).tolist()


def test_each_photo_has_its_answer_and_the_request_its_id(answers):
    assert len(answers["bytes"]["rows"]) == 2
    assert answers["bytes"]["response"]["id"] == "seven"
    assert answers["bytes"]["response"]["model_version"] == "1"


def test_classes_are_named_best_first(answers, probabilities):
    best = int(np.argmax(probabilities))
    first = answers["classes"]["rows"][0][0].split(":")
    assert (np.float32(first[0]), first[1:]) == (
        np.float32(probabilities[best]),
        [str(best), ["red", "green", "blue"][best]],
    )


def test_pixels_are_the_same_as_bytes_and_in_json(told):
    waiting = told["waiting"]
    assert waiting["pixels True"]["rows"] == waiting["pixels False"]["rows"]
    assert np.sum(waiting["pixels True"]["rows"], axis=1) == pytest.approx([1, 1])
    assert waiting["async"]["rows"] == waiting["json"]["rows"]


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        ("unknown", "404", "Request for unknown model: model 'nobody' is not served here"),
        ("late", "504", "deadline"),
        ("bad", "415", "image"),
        ("none", "400", "the output must be probabilities, got 'logits'"),
    ],
)
def test_errors_are_read_by_the_client(answers, call, status, message):
    assert answers[call]["status"] == status
    assert message in answers[call]["error"]


def test_statistics_count_the_photos_of_these_clients(answers):
    [stats] = answers["statistics"]["model_stats"]
    assert stats["name"] == "colours"
    assert stats["inference_count"] >= 6
    assert stats["inference_stats"]["fail"]["count"] >= 1
