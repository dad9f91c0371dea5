"""/v2: the Open Inference Protocol, around an engine whose model is the mean colour of the picture."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

import server
from server.api.app import create_app
from server.settings import Settings

MODEL = "/v2/models/colours"
INFER = f"{MODEL}/infer"


def infer(client, document, path=INFER, **options):
    return client.post(path, data=json.dumps(document), **options)


def pixels_of(*colours, size=8):
    pixels = np.broadcast_to(np.array(colours, np.uint8)[:, None, None], (len(colours), size, size, 3))
    return {"name": "pixels", "datatype": "UINT8", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}


def image(size, **parameters):
    return {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size, **parameters}}


def with_bytes(client, content, *, encode_body=lambda body: body, headers=(), **document):
    element = len(content).to_bytes(4, "little") + content
    header = json.dumps({"inputs": [image(len(element))], **document}).encode()
    lengths = {"Inference-Header-Content-Length": str(len(header)), **dict(headers)}
    return client.post(INFER, data=encode_body(header + element), headers=lengths)


def test_server_says_what_it_is(client):
    metadata = {
        "name": "opsin",
        "version": server.__version__,
        "extensions": ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"],
    }
    assert client.get("/v2").get_json() == metadata
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"live": True, "ready": True}


def test_server_that_stops_is_alive_and_not_ready(engine, settings):
    client = create_app(settings, engine=engine, is_stopping=lambda: True).test_client()
    assert client.get("/v2/health/live").status_code == 200
    ready = client.get("/v2/health/ready")
    assert (ready.status_code, ready.get_json()) == (503, {"live": True, "ready": False})
    of_model = client.get(f"{MODEL}/ready")
    assert (of_model.status_code, of_model.get_json()) == (503, {"error": "the server is stopping"})
    assert of_model.headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/3"])
def test_model_says_what_it_takes_and_gives(client, path):
    assert client.get(path).get_json() == {
        "name": "colours",
        "versions": ["3"],
        "platform": "tensorflow_lite",
        "inputs": [
            {"name": "pixels", "datatype": "UINT8", "shape": [-1, 8, 8, 3]},
            {"name": "image", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}],
    }
    assert client.get(f"{path}/ready").get_json() == {"name": "colours", "ready": True}


def test_config_is_that_of_a_model_of_pixels(client):
    config = client.get(f"{MODEL}/config").get_json()
    assert config["max_batch_size"] == 4
    assert config["input"] == [
        {"name": "pixels", "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC", "dims": [8, 8, 3]}
    ]
    [output] = config["output"]
    assert (output["data_type"], output["dims"]) == ("TYPE_FP32", [3])


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}'])
def test_index_lists_versions(client, body):
    index = client.post("/v2/repository/index", data=body)
    assert index.get_json() == [{"name": "colours", "version": "3", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("body", [b"[]", b'{"ready": 1}', b"x", b"[" * 2000], ids=["list", "one", "text", "deep"])
def test_index_of_a_wrong_question_says_what_is_right(client, body):
    answer = client.post("/v2/repository/index", data=body)
    assert (answer.status_code, answer.get_json()) == (400, {"error": 'the body must be empty or {"ready": true}'})


def test_pixels_are_classified_as_the_picture_of_them_is(client, encode):
    answer = infer(client, {"id": "a", "inputs": [pixels_of((255, 0, 0), (0, 0, 255))]})
    document = answer.get_json()
    [output] = document.pop("outputs")
    assert document == {"model_name": "colours", "model_version": "3", "id": "a"}
    rows = np.reshape(output["data"], output["shape"])
    assert rows.argmax(axis=1).tolist() == [0, 2]
    of_file = with_bytes(client, encode("red")).get_json()["outputs"][0]
    assert of_file["data"] == rows[0].tolist()


def test_body_that_is_one_picture_is_answered_in_bytes(client, encode):
    answer = client.post(INFER, data=encode("blue"), headers={"Inference-Header-Content-Length": "0"})
    length = int(answer.headers["Inference-Header-Content-Length"])
    [output] = json.loads(answer.data[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 12}
    assert np.frombuffer(answer.data[length:], "<f4").argmax() == 2
    assert answer.mimetype == "application/octet-stream"


def test_likeliest_classes_are_answered_by_name(client, encode):
    outputs = [{"name": "probabilities", "parameters": {"classification": 1}}]
    [output] = with_bytes(client, encode("blue"), outputs=outputs).get_json()["outputs"]
    assert output["data"][0].endswith(":2:blue")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bodies_may_be_packed_both_ways(client, coding):
    from server.api.content_encoding import pack, unpack

    document = {"inputs": [pixels_of((255, 0, 0))], "id": "x" * 2000}
    packed = pack(json.dumps(document).encode(), coding)
    answer = client.post(INFER, data=packed, headers={"Content-Encoding": coding, "Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert json.loads(unpack(answer.data, coding, max_bytes=10_000))["id"] == document["id"]


def test_packed_body_may_not_be_larger_than_others(client):
    answer = client.post(INFER, data=gzip.compress(bytes(10**6)), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert "at most 100000 bytes once it is unpacked" in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v2/models/cats", 404, "Request for unknown model: model 'cats' is not served here; served: colours"),
        (
            f"{MODEL}/versions/7",
            404,
            "Request for unknown model: model 'colours' is not served in version 7; served: 3",
        ),
        (f"{MODEL}/versions/x", 400, "the version must be a whole number from 1"),
        ("/v2/nothing", 404, "there is nothing at this path"),
        (INFER, 405, "this path does not take that method"),
    ],
)
def test_errors_are_text_as_the_protocol_has_it(client, path, status, message):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.get_json()["error"].startswith(message)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"inputs": [pixels_of((1, 1, 1), size=4)]}, 400, "must be of shape [-1, 8, 8, 3]"),
        ({"inputs": [pixels_of(*[(1, 1, 1)] * 5)]}, 413, "at most 4 images, this one has 5"),
        ({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGVsbG8="]}]}, 415, "image"),
        ({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": ["", ""]}]}, 400, "image 0: "),
        ({"outputs": [{"name": "logits"}]}, 400, "must be probabilities"),
    ],
)
def test_request_that_cannot_be_answered_says_why(client, change, status, message):
    answer = infer(client, {"inputs": [pixels_of((1, 1, 1))], **change})
    assert answer.status_code == status
    assert message in answer.get_json()["error"]


def test_unknown_model_cannot_be_asked(client):
    answer = infer(client, {"inputs": [pixels_of((1, 1, 1))]}, "/v2/models/cats/infer")
    assert answer.status_code == 404
    assert answer.get_json()["error"].startswith("Request for unknown model")


def test_time_that_a_client_grants_counts(client, runtime):
    runtime.may_run.clear()
    try:
        answer = infer(client, {"inputs": [pixels_of((1, 1, 1))], "parameters": {"timeout": 50_000}})
    finally:
        runtime.may_run.set()
    assert answer.status_code == 504


def test_keys_are_asked_of_models_and_not_of_health(tmp_path, engine):
    (tmp_path / "keys").write_text(f"phone sha256:{'0' * 64}\n")
    client = create_app(Settings(api_keys_file=tmp_path / "keys"), engine=engine).test_client()
    assert client.get("/v2/health/ready").status_code == 200
    refused = client.get(MODEL)
    assert refused.status_code == 401
    assert refused.get_json()["error"].startswith("an API key is needed")


def test_front_says_it_to_these_clients_in_their_words(app):
    from server.request_errors import Overloaded

    _, headers, body = app.front_response(Overloaded("too much", wait_s=3), INFER, "")
    assert json.loads(body) == {"error": "too much"}
    assert headers["Retry-After"] == "3"


@pytest.mark.parametrize("path", ["/v2/models/stats", f"{MODEL}/stats", f"{MODEL}/versions/3/stats"])
def test_statistics_count_what_was_answered(client, path):
    infer(client, {"inputs": [pixels_of((1, 1, 1), (2, 2, 2))]})
    [stats] = client.get(path).get_json()["model_stats"]
    assert (stats["name"], stats["version"], stats["inference_count"]) == ("colours", "3", 2)


def test_statistics_of_an_unknown_model_are_none(client):
    assert client.get("/v2/models/cats/stats").status_code == 404
