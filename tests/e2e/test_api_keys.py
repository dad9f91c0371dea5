"""API keys on the real server: rotated while all its workers serve."""

from __future__ import annotations

import hashlib

import pytest
from colours import FORM_RED, FORM_TYPE, label_of, read_answer
from running_server import wait_until

pytestmark = pytest.mark.e2e


def write_keys(path, *keys):
    new = path.with_suffix(".new")
    new.write_text("".join(f"app sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" for key in keys))
    new.replace(path)


def test_keys_are_rotated_without_a_restart_or_a_refused_client(start, tmp_path):
    path = tmp_path / "keys"
    write_keys(path, "old")
    running = start(OPSIN_API_KEYS_FILE=str(path), OPSIN_ALLOW_ANONYMOUS="1").wait_until_ready()

    def ask(key):
        return running.request("POST", "/predict", FORM_RED, {**FORM_TYPE, "Authorization": f"Bearer {key}"})

    def is_settled(**expected):
        """Every worker gives each key the status that it should have by now."""
        return all(ask(key)[0] == status for key, status in expected.items() for _ in range(8))

    assert is_settled(old=200, new=401)
    write_keys(path, "old", "new")
    assert is_settled(old=200, new=200)  # at once: a client may be told its key and use it
    write_keys(path, "new")
    wait_until(lambda: is_settled(old=401, new=200))
    with running.connect() as connection:  # nothing of the body has been sent, and nothing is waited for
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        assert read_answer(connection)[0] == 401
    path.write_text("half a line")
    assert label_of(ask("new")) == "red"
    status, answer = running.request("POST", "/predict", FORM_RED, FORM_TYPE)
    assert (status, answer["error"]["code"]) == (401, "missing_api_key")
    status, output = running.stop()
    assert status == 0
    assert "the API keys have changed: there are 1 now" in output
    assert not any(key in output for key in ("Bearer", "half a line"))
