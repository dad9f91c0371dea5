"""Request ids, and the one line per request."""

from __future__ import annotations

import logging

import pytest

from server.request_log import printable, with_request_id


@pytest.fixture
def access_log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    caplog.set_level(logging.INFO, logger="opsin.access")
    return caplog


@pytest.mark.parametrize("request_id", ["abc-123", "x" * 128, "a/b:c=d"])
def test_usable_request_id_is_echoed(client, request_id):
    assert client.get("/healthz", headers={"X-Request-Id": request_id}).headers["X-Request-Id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "ü"])
def test_unusable_request_id_is_replaced(client, request_id):
    made = client.get("/healthz", headers={"X-Request-Id": request_id}).headers["X-Request-Id"]
    assert len(made) == 16
    assert made != client.get("/healthz").headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/nothing", "/predict", "/static/nothing"])
def test_errors_carry_a_request_id_too(client, path):
    assert client.get(path, headers={"X-Request-Id": "abc"}).headers["X-Request-Id"] == "abc"


def test_one_line_per_request_at_level_info(client, access_log):
    client.get("/healthz", headers={"X-Request-Id": "abc"})
    (record,) = access_log.records
    assert record.getMessage().startswith("GET /healthz 200 ")
    assert record.getMessage().endswith(" ms id=abc")


def test_time_of_a_request_is_noted_in_seconds_and_logged_in_milliseconds(access_log):
    noted = []

    def application(_environ, start_response):
        start_response("204 No Content", [])
        return []

    times = iter([10.0, 10.25])
    wrapped = with_request_id(application, note=lambda *call: noted.append(call), clock=lambda: next(times))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "HTTP_X_REQUEST_ID": "abc"}
    wrapped(environ, lambda *_arguments: None)
    assert noted == [("/x", "GET", 204, 0.25)]
    assert access_log.messages == ["GET /x 204 250.0 ms id=abc"]


def test_line_has_the_answer_in_fields(client, encode, access_log):
    body = encode()
    client.post("/predict", data=body, headers={"X-Request-Id": "abc"})
    client.get("/readyz", headers={"X-Request-Id": "def"})
    first, second = (record.fields for record in access_log.records)
    assert first.pop("duration_ms") > 0
    assert first == {
        "request_id": "abc",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "request_bytes": len(body),
        "model": "colours",
        "version": 3,
    }
    assert sorted(second) == ["duration_ms", "method", "path", "request_id", "status"]


def test_control_characters_of_a_path_do_not_reach_the_log(client, access_log):
    client.get("/a%0d%0aINFO%20forged%1b[31m")
    assert "\\x0d\\x0aINFO forged\\x1b" in access_log.text
    assert len(access_log.records) == 1


def test_long_text_is_cut():
    assert printable("x" * 200) == "x" * 200
    assert printable("x" * 201) == printable("x" * 500) == "x" * 200 + "..."
