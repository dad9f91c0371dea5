"""/image-classification: what Hugging Face's clients send, and what they read."""

from __future__ import annotations

import base64

import pytest

PATH = "/image-classification"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/colours"])
def test_picture_has_labels_and_scores(client, encode, path):
    answer = client.post(path, data=encode("red"), content_type="image/png")
    assert [each["label"] for each in answer.get_json()] == ["red", "green", "blue"]
    assert sum(each["score"] for each in answer.get_json()) == pytest.approx(1)


def test_parameters_come_with_base64(client, encode):
    inputs = base64.b64encode(encode("blue")).decode()
    parameters = {"top_k": 1, "function_to_apply": "softmax"}
    [only] = client.post(PATH, json={"inputs": inputs, "parameters": parameters}).get_json()
    assert only["label"] == "blue"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, 'the JSON must be {"inputs": "<base64>", "parameters": {...}}'),
        ({"inputs": ["eA=="]}, "the JSON must be"),
        ({"inputs": "eA==", "options": {}}, "the JSON must be"),
        ({"inputs": "?"}, "inputs must be base64"),
        ({"inputs": "eA==", "parameters": {"k": 1}}, "the parameters may be top_k and function_to_apply"),
        ({"inputs": "eA==", "parameters": None}, "the parameters may be top_k and function_to_apply"),
        ({"inputs": "eA==", "parameters": []}, "the parameters may be top_k and function_to_apply"),
        ({"inputs": "eA==", "parameters": [1]}, "the parameters may be top_k and function_to_apply"),
        ({"inputs": "eA==", "parameters": {"top_k": 0}}, "top_k must be a whole number, at least 1"),
        ({"inputs": "eA==", "parameters": {"top_k": True}}, "top_k must be a whole number, at least 1"),
        ({"inputs": "eA==", "parameters": {"function_to_apply": None}}, "function_to_apply must be softmax"),
        ({"inputs": "eA==", "parameters": {"function_to_apply": "sigmoid"}}, "function_to_apply must be softmax"),
    ],
)
def test_what_is_wrong_is_said(client, document, message):
    answer = client.post(PATH, json=document)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"].startswith(message)


def test_what_is_no_picture_and_no_model_is_refused(client, encode):
    assert client.post(PATH, data=b"hello").status_code == 415
    assert client.post(f"{PATH}/cats", data=encode("red")).status_code == 404
    assert client.post(PATH, data=encode("red"), headers={"Content-Encoding": "gzip"}).status_code == 415
