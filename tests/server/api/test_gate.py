"""Where there are API keys: who is let in, where to, and what the others are told."""

from __future__ import annotations

import hashlib

import pytest

from server.api.app import create_app
from server.settings import Settings

KEY = "opsin_right"


@pytest.fixture
def client(tmp_path, engine):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    return create_app(Settings(api_keys_file=tmp_path / "keys"), engine=engine).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
        {"Authorization": "Basic dTpw", "X-API-Key": KEY},  # of a proxy in front
    ],
)
def test_request_with_a_key_is_answered(client, encode, headers):
    response = client.post("/predict", data=encode("red"), headers=headers)
    assert response.status_code == 200
    assert response.json["predictions"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("headers", "code", "challenge"),
    [
        ({}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Basic dTpw"}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Bearer "}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Bearer wrong"}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"X-API-Key": KEY + "x"}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"X-API-Key": KEY[:-1]}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"Authorization": "Bearer wrong", "X-API-Key": KEY}, "invalid_api_key", None),
    ],
)
def test_request_without_a_right_key_is_401_with_a_challenge(client, encode, headers, code, challenge):
    response = client.post("/predict", data=encode("red"), headers=headers)
    assert response.status_code == 401
    assert response.json["error"]["code"] == code
    assert response.headers["X-Request-Id"]
    assert response.headers["WWW-Authenticate"] == (challenge or response.headers["WWW-Authenticate"])
    assert "wrong" not in response.text
    assert KEY not in response.text


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/page.js"])
def test_health_checks_and_the_page_are_for_everybody(client, path):
    with client.get(path) as response:
        assert response.status_code == 200


@pytest.mark.parametrize(
    "path", ["/predict", "/metrics", "/nothing", "//healthz", "/healthz/", "/static", "/Static/page.js", "/healthz;x"]
)
def test_all_else_is_not_what_does_not_exist_too(client, path):
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/static/../predict", "/static/%2e%2e/metrics", "/static//../metrics"])
def test_nothing_else_is_reached_through_the_open_folder(client, path):
    response = client.get(path)
    assert response.status_code in (308, 404, 401)
    assert "opsin_http" not in response.text


def test_page_has_a_field_for_the_key_that_no_form_sends(client):
    text = client.get("/").text
    assert '<input id="key" type="password" autocomplete="off"' in text
    assert 'name="key"' not in text
    assert "curl -H 'Authorization: Bearer KEY' -F image=@photo.jpg" in text


def test_page_without_keys_has_no_such_field(engine):
    text = create_app(Settings(), engine=engine).test_client().get("/").text
    assert 'id="key"' not in text
    assert "Authorization" not in text
