"""/v1: TensorFlow Serving's REST API, around an engine whose model is the mean colour of the picture."""

from __future__ import annotations

import base64

import numpy as np
import pytest

MODEL = "/v1/models/colours"


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/3", f"{MODEL}/labels/stable"])
def test_rows_and_columns_have_the_same_probabilities(client, encode, path):
    images = [b64(encode("red")), b64(encode("blue"))]
    rows = client.post(f"{path}:predict", json={"instances": images}).get_json()
    columns = client.post(f"{path}:predict", json={"inputs": images}).get_json()
    assert rows == {"predictions": columns["outputs"]}
    assert np.argmax(rows["predictions"], axis=1).tolist() == [0, 2]


def test_pixels_are_answered_as_the_picture_of_them_is(client, encode):
    red = np.broadcast_to(np.array((255, 0, 0)), (8, 8, 3)).tolist()
    of_pixels = client.post(f"{MODEL}:predict", json={"instances": [red]}).get_json()
    assert of_pixels == client.post(f"{MODEL}:predict", json={"instances": [b64(encode("red"))]}).get_json()


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/3", f"{MODEL}/labels/stable"])
def test_versions_are_available(client, path):
    status = {"error_code": "OK", "error_message": ""}
    versions = [{"version": "3", "state": "AVAILABLE", "status": status}]
    assert client.get(path).get_json() == {"model_version_status": versions}


def test_metadata_has_the_signature(client):
    metadata = client.get(f"{MODEL}/metadata").get_json()
    assert metadata["model_spec"] == {"name": "colours", "signature_name": "", "version": "3"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    sizes = [dimension["size"] for dimension in signature["inputs"]["pixels"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", "8", "8", "3"]
    assert signature["inputs"]["image"]["dtype"] == "DT_STRING"
    assert signature["outputs"]["probabilities"]["tensor_shape"]["dim"][1]["size"] == "3"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/cats", 404, "model 'cats' is not served here; served: colours"),
        (f"{MODEL}/versions/4", 404, "model 'colours' is not served in version 4; served: 3"),
        (f"{MODEL}/versions/x/metadata", 400, "the version must be a whole number from 1"),
        (f"{MODEL}:predict", 405, "this path does not take that method"),
        (f"{MODEL}/labels/canary", 404, "model 'colours' has no version with the label canary"),
        (f"{MODEL}/labels/latest", 404, "versions may have the labels stable and canary, got 'latest'"),
    ],
)
def test_errors_are_text_as_the_api_has_it(client, path, status, message):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.get_json()["error"].startswith(message)


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"instances": [b64(b"hello")]}, 415, "image"),
        ({"instances": [b64(b""), b64(b"")]}, 400, "image 0: "),
        ({"instances": [[[[1, 2, 3]]]]}, 400, "must be of shape [-1, 8, 8, 3] for model 'colours', got [1, 1, 1, 3]"),
        ({"instances": [b64(b"x")] * 5}, 413, "at most 4 images"),
    ],
)
def test_request_that_cannot_be_answered_says_why(client, document, status, message):
    answer = client.post(f"{MODEL}:predict", json=document)
    assert answer.status_code == status
    assert message in answer.get_json()["error"]


def test_packed_body_is_refused(client):
    answer = client.post(f"{MODEL}:predict", data=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
