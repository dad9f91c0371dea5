"""Where the time of a request went, for a client that asks."""

from __future__ import annotations

import re

import pytest

from server.api.server_timing import server_timing
from server.tracing.stages import Stage

HEADER = r"upload;dur=[\d.]+, decode;dur=([\d.]+), queue;dur=([\d.]+), inference;dur=([\d.]+)"


def test_parts_are_sums_of_stages_in_milliseconds():
    stages = [
        Stage("decode_queue", 1.0, 1.001),
        Stage("decode", 1.001, 1.004),
        Stage("decode", 1.0, 1.005),
        Stage("queue", 2.0, 2.002),
        Stage("batch_wait", 2.002, 2.0025),
        Stage("inference", 2.0, 2.010),
        Stage("encode", 3.0),
        Stage("inference", 3.0),
    ]
    text = "upload;dur=7.000, decode;dur=8.000, queue;dur=3.500, inference;dur=10.000"
    assert server_timing(stages, upload_s=0.007) == text


def test_upload_is_that_of_the_trace_where_there_is_one():
    assert server_timing([Stage("read", 1.0, 1.5)], upload_s=0.4).startswith("upload;dur=500.000,")


def test_answer_tells_where_the_time_went_if_it_is_asked_to(client, encode):
    assert "Server-Timing" not in client.post("/predict", data=encode()).headers
    assert "Server-Timing" not in client.post("/predict?timing=false", data=encode()).headers
    response = client.post("/predict?timing=true", data=encode())
    assert response.json["predictions"][0]["label"] == "red"
    found = re.fullmatch(HEADER, response.headers["Server-Timing"])
    assert float(found[1]) > 0


def test_refusal_tells_it_too(client):
    response = client.post("/predict?timing=true", data=b"no picture")
    assert response.status_code == 415
    assert re.fullmatch(HEADER, response.headers["Server-Timing"])


@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
def test_what_is_neither_true_nor_false_is_refused(client, encode, value):
    response = client.post(f"/predict?timing={value}", data=encode())
    assert response.status_code == 400
    assert response.json["error"]["message"] == f"timing must be true or false, got '{value}'"
