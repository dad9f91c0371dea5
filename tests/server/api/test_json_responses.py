"""The JSON answer is a Flask response like any other."""

from __future__ import annotations

import pytest
from flask import Flask

from server.api.errors import JSONResponse


@pytest.fixture
def client():
    app = Flask("test")
    app.get("/")(lambda: JSONResponse({"b": "ü", "a": [0.1]}, 418, {"Retry-After": "1"}))
    return app.test_client()


def test_document_status_and_headers(client):
    response = client.get("/")
    assert (response.status_code, response.json) == (418, {"b": "ü", "a": [0.1]})
    assert response.data == b'{"b":"\\u00fc","a":[0.1]}\n'
    assert response.headers["Content-Length"] == str(len(response.data))
    assert (response.mimetype, response.headers["Retry-After"]) == ("application/json", "1")


def test_head_has_the_length_and_no_body(client):
    response = client.head("/")
    assert (response.headers["Content-Length"], response.data) == ("25", b"")


def test_what_json_cannot_say_is_an_error():
    with pytest.raises(ValueError, match="JSON compliant"):
        JSONResponse({"a": float("nan")})
