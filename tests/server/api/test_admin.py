"""POST /v2/repository/models/M/load and /unload: what is refused before anything changes."""

from __future__ import annotations

import pytest

from server.api.app import create_app
from server.settings import Settings

TOKEN = "let-me-in"  # noqa: S105 - a test's own
PATH = "/v2/repository/models/colours"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(engine):
    return create_app(Settings(admin_token=TOKEN), engine=engine).test_client()


@pytest.mark.parametrize("action", ["load", "unload"])
def test_without_the_setting_it_is_forbidden_and_says_what_to_set(engine, action):
    client = create_app(Settings(), engine=engine).test_client()
    answer = client.post(f"{PATH}/{action}", headers=RIGHT)
    assert answer.status_code == 403
    assert "start the server with OPSIN_ADMIN_TOKEN" in answer.get_json()["error"]


@pytest.mark.parametrize(
    ("headers", "message", "challenge"),
    [
        ({}, "the admin token is needed", 'Bearer realm="opsin admin"'),
        ({"Authorization": "Bearer wrong"}, "not the one", 'Bearer realm="opsin admin", error="invalid_token"'),
        ({**RIGHT, "X-Admin-Token": "wrong"}, "not the one", 'Bearer realm="opsin admin", error="invalid_token"'),
    ],
)
@pytest.mark.parametrize("action", ["load", "unload"])
def test_without_the_right_token_it_is_401(client, action, headers, message, challenge):
    answer = client.post(f"{PATH}/{action}", data="not even JSON", headers=headers)
    assert answer.status_code == 401
    assert message in answer.get_json()["error"]
    assert answer.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize(
    "document",
    [
        {"parameters": {"config": "{}"}},
        {"parameters": {"file:1/model.onnx": "AAAA"}},
        {"parameters": []},
        {"version": 2},
    ],
)
def test_model_of_the_clients_own_is_refused(client, document):
    answer = client.post(f"{PATH}/load", json=document, headers=RIGHT)
    assert answer.status_code == 400
    assert "what is loaded is the version that the repository says is stable" in answer.get_json()["error"]


def test_parameter_that_tritons_client_sends_is_taken(client):
    answer = client.post(
        "/v2/repository/models/cats/unload", json={"parameters": {"unload_dependents": False}}, headers=RIGHT
    )
    assert (answer.status_code, answer.get_json()["error"]) == (
        404,
        "failed to unload 'cats', there is no such model here",
    )
