"""NVIDIA's tritonclient against the real server over gRPC: every method, waiting, by asyncio and in streams."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from foreign_clients import PHOTO, told_by
from running_server import STUB, RunningServer

pytestmark = pytest.mark.e2e
pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

NOT_OFFERED = (
    *("set traces", "traces", "set log", "log"),
    *("system memory", "set system memory", "no system memory", "cuda memory", "set cuda memory", "no cuda memory"),
)


@pytest.fixture(scope="module")
def running(repository):
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), "OPSIN_GRPC_PORT": "0"})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


@pytest.fixture(scope="module")
def told(running):
    """What the clients were told, by the way of calling and the name of the call."""
    return told_by("triton_grpc.py", running.grpc, "colours", PHOTO)


@pytest.fixture(params=["waiting", "asyncio"])
def answers(told, request):
    return told[request.param]


@pytest.fixture(scope="module")
def probabilities(running):
    """What /predict says of the photo, in the order of the labels."""
    _, document = running.request("POST", "/predict", PHOTO.read_bytes())
    of_label = {each["label"]: each["probability"] for each in document["predictions"][0]["top_k"]}
    return np.float32([of_label[label] for label in ("red", "green", "blue")]).tolist()


def test_every_method_is_called(told):
    assert told["left"] == []


def test_server_is_live_and_its_model_ready(answers):
    assert (answers["live"], answers["ready"], answers["model_ready"], answers["version_ready"]) == (True,) * 4
    assert answers["other_ready"] is False


def test_server_and_model_say_what_they_are(answers):
    assert answers["server"]["name"] == "opsin"
    assert [tensor["name"] for tensor in answers["metadata"]["inputs"]] == ["pixels", "image"]
    assert answers["metadata"]["inputs"][0]["shape"] == ["-1", "8", "8", "3"]
    config = answers["config"]["config"]
    assert (config["max_batch_size"], config["input"][0]["format"]) == (32, "FORMAT_NHWC")
    assert config["output"][0]["label_filename"] == "labels.txt"
    assert answers["index"]["models"] == [{"name": "colours", "version": "1", "state": "READY"}]


@pytest.mark.parametrize("call", ["bytes", "gzip", "deflate"])
def test_photo_has_the_same_probabilities_each_way(answers, probabilities, call):
    for row in answers[call]["rows"]:
        assert np.float32(row).tolist() == probabilities


def test_each_photo_has_its_answer_and_the_request_its_id(answers):
    assert len(answers["bytes"]["rows"]) == 2
    assert (answers["bytes"]["id"], answers["bytes"]["model"]) == ("seven", ["colours", "1"])


def test_classes_are_named_best_first(answers, probabilities):
    best = int(np.argmax(probabilities))
    value, *which = answers["classes"]["rows"][0][0].split(":")
    assert np.float32(value) == np.float32(probabilities[best])
    assert which == [str(best), ["red", "green", "blue"][best]]


def test_pixels_and_calls_that_do_not_wait_are_answered(told, probabilities):
    assert np.sum(told["waiting"]["pixels"]["rows"], axis=1) == pytest.approx([1, 1])
    assert np.float32(told["waiting"]["async"]["rows"][0]).tolist() == probabilities


def test_stream_is_answered_in_its_order_and_a_bad_request_costs_no_other(answers, probabilities):
    first, bad, third, last = answers["stream"]
    assert [first["id"], third["id"], last["id"]] == ["0", "2", "3"]
    assert np.float32(last["rows"][0]).tolist() == probabilities
    assert last["parameters"] == {"triton_final_response": True}
    assert "image" in bad["error"]


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        ("unknown", "NOT_FOUND", "Request for unknown model: model 'nobody' is not served here"),
        ("late", "DEADLINE_EXCEEDED", "deadline"),
        ("late client", "DEADLINE_EXCEEDED", "deadline"),  # which the client or the server is first to notice
        ("bad", "INVALID_ARGUMENT", "image"),
        ("none", "INVALID_ARGUMENT", "the output must be probabilities, got 'logits'"),
        ("load", "PERMISSION_DENIED", "OPSIN_ADMIN_TOKEN"),
        ("unload", "PERMISSION_DENIED", "OPSIN_ADMIN_TOKEN"),
    ],
)
def test_errors_are_read_by_the_client(answers, call, status, message):
    assert answers[call]["status"] == f"StatusCode.{status}"
    assert message.lower() in answers[call]["error"].lower()


@pytest.mark.parametrize("call", NOT_OFFERED)
def test_what_is_not_offered_says_so(answers, call):
    assert answers[call]["status"] == "StatusCode.UNIMPLEMENTED"
    assert "Method not found" not in answers[call]["error"]


def test_statistics_count_the_photos_of_these_clients(answers, running):
    [stats] = answers["statistics"]["model_stats"]
    assert stats["name"] == "colours"
    assert running.counted("opsin_grpc_requests_total", method="ModelInfer", code="OK") >= 8
    assert running.counted("opsin_grpc_requests_total", method="ModelStreamInfer", code="OK") == 6
