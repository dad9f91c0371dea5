"""A running server loads and unloads models when it is asked to with the token, in all its processes."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest
from colours import RED, publish_stub
from foreign_clients import told_by
from running_server import STUB, RunningServer, wait_until

pytestmark = pytest.mark.e2e

TOKEN = "let-me-in"  # noqa: S105 - a test's own
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    for name in ("birds", "colours"):
        publish_stub(folder, name)
    return folder


@pytest.fixture(scope="module")
def served(root):
    running = RunningServer(
        [str(STUB)], {"OPSIN_REPOSITORY": str(root / "models"), "OPSIN_ADMIN_TOKEN": TOKEN, "STUB_FATAL_VERSION": "7"}
    )
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


def control(served, action, name="colours"):
    """Ask, and give the status and the error, if any."""
    with contextlib.closing(served.connect()) as connection:
        request = f"POST /v2/repository/models/{name}/{action} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        connection.sendall(f"{request}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def states(served):
    index = served.request("POST", "/v2/repository/index", b"")[1]
    return {(each["name"], each["version"]): each["state"] for each in index}


def test_triton_client_unloads_and_loads(served):
    told = told_by("triton_control.py", f"127.0.0.1:{served.port}", "colours", TOKEN)
    assert (told["unload"], told["unloaded_ready"], told["load"], told["loaded_ready"]) == (None, False, None, True)
    [unloaded] = [each for each in told["unloaded"] if each["name"] == "colours"]
    assert (unloaded["version"], unloaded["state"]) == ("1", "UNAVAILABLE")
    assert unloaded["reason"].startswith("unloaded by 127.0.0.1 at 2")
    assert {each["state"] for each in told["loaded"]} == {"READY"}
    assert told["unknown"]["status"] == "404"
    assert told["unknown"]["error"].startswith("failed to load 'nobody'")
    assert [told[name]["status"] for name in ("config", "no_token", "wrong_token")] == ["400", "401", "401"]


def test_unloaded_model_is_asked_in_vain_and_stays_so_when_processes_are_replaced(served):
    assert control(served, "unload") == (200, "")
    for title in ("opsin: http", "opsin: engine cpu"):
        victim = served.children(title)[0]
        os.kill(victim, signal.SIGKILL)
        num_children = 2 if title == "opsin: http" else 1
        wait_until(lambda: victim not in (left := served.children(title)) and len(left) == num_children)  # noqa: B023
    wait_until(lambda: served.counted("opsin_engine_up", engine="0", device="cpu") == 1)
    status, document = served.request("POST", "/predict?model=colours", RED)
    assert (status, document["error"]["code"]) == (404, "model_not_found")
    assert "model 'colours' is not served here: unloaded by 127.0.0.1 at 2" in document["error"]["message"]
    assert served.request("POST", "/predict", RED)[0] == 200  # by birds, the default
    assert states(served) == {("birds", "1"): "READY", ("colours", "1"): "UNAVAILABLE"}
    assert control(served, "load") == (200, "")
    assert served.request("POST", "/predict?model=colours", RED)[0] == 200


def test_with_nothing_loaded_the_server_lives_and_says_so_at_once(served):
    for name in ("birds", "colours"):
        assert control(served, "unload", name)[0] == 200
    assert served.request("GET", "/readyz")[0] == 200
    assert served.request("POST", "/predict", RED)[1]["error"]["code"] == "default_not_served"
    assert served.request("POST", "/predict?model=birds", RED)[0] == 404
    for name in ("birds", "colours"):
        assert control(served, "load", name)[0] == 200
    assert served.request("POST", "/predict", RED)[0] == 200


def test_load_looks_at_the_repository_now_and_says_what_is_wrong(served, root):
    publish_stub(root)
    assert control(served, "load") == (200, "")
    assert ("colours", "2") in states(served)
    publish_stub(root)
    (root / "models/colours/3/model.tflite").write_bytes(b"changed")
    status, body = control(served, "load")
    assert status == 400
    assert "failed to load 'colours', model 'colours' version 3 cannot be served: " in body
    assert states(served)["colours", "3"] == "UNAVAILABLE"
    assert served.request("POST", "/predict?model=colours", RED)[1]["version"] == 2
