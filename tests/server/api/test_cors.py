"""Which scripts of other origins may ask, and read what is answered."""

from __future__ import annotations

import pytest

from server.api.app import create_app
from server.request_errors import MalformedRequest, Overloaded
from server.settings import Settings

ORIGIN = "https://app.example"


@pytest.fixture
def client(engine, tmp_path):
    (tmp_path / "keys").write_text("app sha256:" + "0" * 64)
    settings = Settings(cors_origins=(ORIGIN, "http://localhost:8080"), api_keys_file=tmp_path / "keys")
    return create_app(settings, engine=engine).test_client()


def preflight(client, origin):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return client.options("/predict", headers={"Origin": origin, **asked})


def test_named_origin_is_told_what_it_may_without_a_key(client):
    response = preflight(client, ORIGIN)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "Authorization, Content-Type, X-API-Key" in response.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.evil", "http://app.example", "null", "https://app.example:1"],
)
def test_other_origin_is_told_nothing(client, origin):
    for response in (preflight(client, origin), client.get("/healthz", headers={"Origin": origin})):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
        assert response.headers["Vary"] == "Origin"


def test_named_origin_may_read_answers_and_refusals(client):
    for path, status in (("/healthz", 200), ("/metrics", 401), ("/nothing", 401)):
        response = client.get(path, headers={"Origin": ORIGIN})
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert (
            response.headers["Access-Control-Expose-Headers"]
            == "Retry-After, Server-Timing, X-Model-Name, X-Model-Version, X-Request-Id"
        )


def test_star_lets_every_origin_read(engine):
    client = create_app(Settings(cors_origins=("*",)), engine=engine).test_client()
    response = client.get("/healthz", headers={"Origin": "https://any.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in response.headers


def test_without_the_setting_nothing_is_said(engine):
    client = create_app(Settings(), engine=engine).test_client()
    for response in (preflight(client, ORIGIN), client.get("/healthz", headers={"Origin": ORIGIN})):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("error", [Overloaded("x", wait_s=1), MalformedRequest("x", 431)])
def test_named_origin_may_read_what_the_front_refuses_by_itself(client, engine, error):
    def headers_of(app, origin):
        return app.front_response(error, "/", origin)[1]

    told = headers_of(client.application, ORIGIN)
    assert (told["Access-Control-Allow-Origin"], told["Vary"]) == (ORIGIN, "Origin")
    assert (
        told["Access-Control-Expose-Headers"]
        == "Retry-After, Server-Timing, X-Model-Name, X-Model-Version, X-Request-Id"
    )
    for origin in ("", "https://evil.example"):
        assert "Access-Control-Allow-Origin" not in headers_of(client.application, origin)
        assert headers_of(client.application, origin)["Vary"] == "Origin"
    assert "Vary" not in headers_of(create_app(Settings(), engine=engine), ORIGIN)
    every = create_app(Settings(cors_origins=("*",)), engine=engine)
    assert headers_of(every, ORIGIN)["Access-Control-Allow-Origin"] == "*"
