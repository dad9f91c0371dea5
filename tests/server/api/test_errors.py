"""Every error is JSON, whoever raised it; and one of ours is a puzzle to nobody but us."""

from __future__ import annotations

import json
import logging

import pytest
from flask import Flask

import models.errors
import server.engine.errors
import server.request_errors
from models.errors import OpsinError
from server.api.errors import front_response, headers_of, status_of
from server.engine.errors import EngineNotReady
from server.request_errors import MalformedRequest, Overloaded, RateLimited


def test_unknown_path_is_404(client):
    response = client.get("/nothing/here")
    assert response.status_code == 404
    assert response.json == {
        "error": {"code": "not_found", "message": "there is nothing at this path; images go to POST /predict"}
    }


def test_wrong_method_is_405_with_the_right_ones(client):
    response = client.get("/predict")
    assert response.status_code == 405
    assert response.json["error"]["code"] == "method_not_allowed"
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_bug_is_500_without_details_and_logged_with_the_request_id(app: Flask, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)

    @app.get("/bug")
    def bug():
        raise RuntimeError("/secret/path")

    response = app.test_client().get("/bug", headers={"X-Request-Id": "abc-1"})
    assert response.status_code == 500
    assert response.json == {"error": {"code": "internal_error", "message": "the server failed on request abc-1"}}
    assert "abc-1" in caplog.text
    assert "/secret/path" in caplog.text


def test_bug_in_an_upload_that_is_answered_without_flask_is_500_too(app, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)

    def bug(_request):
        raise RuntimeError("/secret/path")

    app.at_once["/predict"] = bug
    response = app.test_client().post("/predict", data=b"x", headers={"X-Request-Id": "abc-1"})
    assert response.status_code == 500
    assert response.json == {"error": {"code": "internal_error", "message": "the server failed on request abc-1"}}
    assert "/secret/path" in caplog.text


@pytest.mark.parametrize("module", [models.errors, server.engine.errors, server.request_errors])
def test_every_error_has_a_code_and_a_sensible_status(module):
    for error in vars(module).values():
        if isinstance(error, type) and issubclass(error, OpsinError) and error not in (Overloaded, RateLimited):
            assert error.code.isidentifier()
            assert 400 <= status_of(error("x")) < 600


def test_overload_says_when_to_come_back():
    assert headers_of(Overloaded("x", wait_s=2.1)) == {"Retry-After": "3"}
    assert headers_of(Overloaded("x", wait_s=0)) == {"Retry-After": "1"}


def test_engine_that_is_not_ready_is_worth_another_try_in_a_second():
    assert headers_of(EngineNotReady("x")) == {"Retry-After": "1"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Overloaded("x", wait_s=2.1), "503 SERVICE UNAVAILABLE", "overloaded"),
        (MalformedRequest("x", 431), "431 ", "malformed_http"),
    ],
)
def test_front_says_of_an_error_what_the_application_says(error, status, code):
    line, headers, body = front_response(error)
    assert line.startswith(status)
    assert json.loads(body) == {"error": {"code": code, "message": str(error)}}
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.get("Retry-After") == ("3" if code == "overloaded" else None)
