"""A canary gets its share of the requests to a server, through each way in, and sessions stay where they are."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import urllib.request

import pytest
from colours import RED, publish_stub
from grpc_calls import channel_to, infer, photo_request
from running_server import STUB, RunningServer, wait_until

from models.cli import main

pytestmark = pytest.mark.e2e

SESSIONS = [f"user-{number}" for number in range(40)]
B64 = base64.b64encode(RED).decode()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Versions 1, the stable one, and 2 of colours, and birds."""
    folder = tmp_path_factory.mktemp("repository")
    publish_stub(folder, "birds")
    for _ in range(2):
        publish_stub(folder)
    root = folder / "models"
    (root / "repository.json").write_text('{"default": "colours"}')
    assert main(["promote", "colours:1", "--repository", str(root)]) == 0
    return root


@pytest.fixture(scope="module")
def served(repository):
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), "OPSIN_GRPC_PORT": "0"})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


@pytest.fixture
def canary(repository, served):
    """Start a canary, or stop it, by the command; gives back when the server does so."""

    def canary(*arguments, is_there=True):
        assert main(["canary", "colours", *arguments, "--repository", str(repository)]) == 0
        expected = repository / "colours/routing.json"
        told = json.loads(expected.read_text()).get("canary")
        wait_until(lambda: shown(served) == ([(told["version"], told["percent"])] if told else []))

    yield canary
    canary("--stop")


def shown(served):
    return [(each["version"], each["percent"]) for each in served.request("GET", "/readyz")[1].get("canaries", [])]


def ask(served, path, body, headers=None):
    """Ask, and give the answer and its headers."""
    url = f"http://127.0.0.1:{served.port}{path}"
    request = urllib.request.Request(url, body, headers or {})
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return json.loads(response.read()), response.headers


def by_predict(served, query="", **headers):
    return ask(served, f"/predict{query}", RED, headers)[0]["version"]


def by_open_inference(served, version="", **headers):
    document = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [B64]}]}
    return int(
        ask(served, f"/v2/models/colours{version}/infer", json.dumps(document).encode(), headers)[0]["model_version"]
    )


def by_tensorflow_serving(served, version="", **headers):
    body = json.dumps({"instances": [{"b64": B64}]}).encode()
    return int(ask(served, f"/v1/models/colours{version}:predict", body, headers)[1]["X-Model-Version"])


def by_hugging_face(served, **headers):
    told = ask(served, "/image-classification/colours", RED, headers)[1]
    assert told["X-Model-Name"] == "colours"
    return int(told["X-Model-Version"])


WAYS = [by_predict, by_open_inference, by_tensorflow_serving, by_hugging_face]


def sides(served, way=by_predict, header="X-Session-Id", value="{}"):
    return {session: way(served, **{header: value.format(session)}) for session in SESSIONS}


def test_each_way_in_splits_and_keeps_sessions_alike(served, canary):
    canary("--version", "2", "--percent", "50")
    of_header = sides(served)
    assert set(of_header.values()) == {1, 2}
    for way in WAYS[1:]:
        assert sides(served, way) == of_header
    assert sides(served, header="Cookie", value="theme=dark; session_id={}; x=1") == of_header
    for way in WAYS:
        assert {way(served) for _ in range(40)} == {1, 2}  # without a session, by weight


def test_grpc_splits_and_keeps_sessions_as_http_does(served, canary):
    canary("--version", "2", "--percent", "50")
    with channel_to(served) as channel:
        call, asked = infer(channel), photo_request(RED)

        def version_for(*metadata):
            return int(call(asked, metadata=metadata, timeout=30).model_version)

        of_grpc = {session: version_for(("x-session-id", session)) for session in SESSIONS}
        assert {version_for() for _ in range(40)} == {1, 2}
    assert of_grpc == sides(served)


def test_share_that_grows_keeps_who_is_in(served, canary):
    canary("--version", "2", "--percent", "30")
    few = {session for session, version in sides(served).items() if version == 2}
    canary("--version", "2", "--percent", "60")
    more = {session for session, version in sides(served).items() if version == 2}
    assert set() < few < more


def test_version_in_url_query_or_label_is_that_version(served, canary):
    canary("--version", "2", "--percent", "100")
    assert [way(served) for way in WAYS] == [2] * 4
    assert [by_predict(served, f"?version={version}") for version in (1, 2)] == [1, 2]
    assert [by_open_inference(served, f"/versions/{version}") for version in (1, 2)] == [1, 2]
    pinned = ("/versions/1", "/versions/2", "/labels/stable", "/labels/canary")
    assert [by_tensorflow_serving(served, version) for version in pinned] == [1, 2, 1, 2]
    assert ask(served, "/predict?model=birds", RED)[0]["version"] == 1


def test_versions_have_metrics_of_their_own(served, canary):
    canary("--version", "2", "--percent", "100")
    labels = {"model": "colours", "version": "2"}
    before = served.counted("opsin_images_total", **labels, outcome="ok")
    for _ in range(3):
        by_predict(served)
    assert served.counted("opsin_images_total", **labels, outcome="ok") == before + 3
    assert served.counted("opsin_predictions_total", **labels, **{"class": "red"}) == before + 3
    assert served.counted("opsin_model_duration_seconds_count", **labels) == before + 3
    kind = {"kind": "canary", "engine": "0", "device": "cpu"}
    assert served.counted("opsin_canary_percent", **labels, **kind) == 100
    index = served.request("POST", "/v2/repository/index", b"")[1]
    assert [(each["version"], each["state"]) for each in index if each["name"] == "colours"] == [
        ("1", "READY"),
        ("2", "READY"),
    ]


@pytest.mark.parametrize("title", ["opsin: http", "opsin: engine cpu"])
def test_canary_outlives_a_worker_and_the_engine(served, canary, title):
    canary("--version", "2", "--percent", "50")
    before = sides(served)
    victim = served.children(title)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: victim not in served.children(title) and len(served.children(title)) == 1 + (title == "opsin: http")
    )
    wait_until(lambda: shown(served) == [(2, 50)])
    assert sides(served) == before
