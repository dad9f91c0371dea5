"""What the real server says on every answer, and whose headers it believes."""

from __future__ import annotations

import http.client

import pytest
from colours import FORM_RED, FORM_TYPE

pytestmark = pytest.mark.e2e

FORWARDED = {"Host": "photos.example", "X-Forwarded-Proto": "https"}


def answer(running, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


def test_every_answer_says_how_a_browser_may_treat_it(served):
    asked = [
        ("GET", "/", None, {}, 200),
        ("GET", "/static/page.js", None, {}, 200),
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/metrics", None, {}, 200),
        ("POST", "/predict", FORM_RED, FORM_TYPE, 200),
        ("POST", "/predict", b"x", {"Transfer-Encoding": "gzip"}, 400),  # refused before the application is called
    ]
    for method, path, body, headers, status in asked:
        response, _ = answer(served, method, path, body, headers)
        assert response.status == status
        assert response.getheader("X-Content-Type-Options") == "nosniff"
        assert "frame-ancestors 'none'" in response.getheader("Content-Security-Policy")
        assert response.getheader("Referrer-Policy") == "no-referrer"
        assert response.getheader("Access-Control-Allow-Origin") is None


def test_peer_that_is_no_named_proxy_moves_nothing(served):
    _, page = answer(served, "GET", "/", headers={**FORWARDED, "SCRIPT_NAME": "/moved"})
    assert "http://photos.example/predict" in page
    assert "/moved" not in page


def test_named_proxy_says_how_the_client_came(start):
    running = start(OPSIN_TRUSTED_PROXIES="127.0.0.0/8").wait_until_ready()
    _, page = answer(running, "GET", "/photos/", headers={**FORWARDED, "SCRIPT_NAME": "/photos"})
    assert "https://photos.example/photos/predict" in page
