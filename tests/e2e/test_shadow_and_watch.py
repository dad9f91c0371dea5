"""Shadows and watches around a running server, whose second version is as good as the first, and whose third is not."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import pytest
from colours import COLOURS, picture, publish_stub
from running_server import STUB, RunningServer, wait_until

from models.cli import main
from models.store.repository import Repository
from server.shadow_report import KEPT_S

pytestmark = pytest.mark.e2e

GOOD, WRONG, DEADLY = "2", "3", "4"
PICTURES = [picture(colour) for colour in COLOURS.values()]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    for _ in range(4):
        publish_stub(folder)
    return folder / "models"


@pytest.fixture(scope="module")
def served(root):
    environ = {"OPSIN_REPOSITORY": str(root), "STUB_WRONG_VERSION": WRONG, "STUB_DEADLY_VERSION": DEADLY}
    main(["promote", "colours:1", "--repository", str(root)])
    running = RunningServer([str(STUB)], environ)
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


@pytest.fixture(autouse=True)
def stable(root, served):
    """Version 1 is stable, alone, and the server knows it."""
    main(["promote", "colours:1", "--repository", str(root)])
    main(["canary", "colours", "--stop", "--repository", str(root)])
    wait_until(lambda: canaries(served) == [] and served.request("GET", "/readyz")[1]["version"] == 1)


def canaries(served):
    return served.request("GET", "/readyz")[1].get("canaries", [])


def counted(served, version, *outcomes):
    """How many images a shadow has had, by what became of them."""
    labels = {"model": "colours", "version": version}
    return sum(served.counted("opsin_shadow_images_total", **labels, outcome=outcome) for outcome in outcomes)


def ask(served, number=0):
    status, document = served.request("POST", "/predict", PICTURES[number % 2])
    assert status == 200, document
    return document["version"]


@pytest.mark.parametrize(("version", "agreement"), [(GOOD, 1), (WRONG, 0.5)])
def test_shadow_is_compared_and_never_answers(served, root, version, agreement):
    main(["canary", "colours", "--version", version, "--percent", "100", "--shadow", "--repository", str(root)])
    wait_until(lambda: canaries(served))
    for number in range(4):
        while counted(served, version, "agrees", "differs") == number:  # it is dropped where it waits too long
            before = counted(served, version, "agrees", "differs", "dropped")
            assert ask(served, number) == 1
            wait_until(lambda: counted(served, version, "agrees", "differs", "dropped") > before)  # noqa: B023
    time.sleep(KEPT_S)  # for which a worker may tell of before
    [told] = canaries(served)
    assert (told["kind"], told["version"], told["percent"]) == ("shadow", int(version), 100)
    assert (told["compared"], told["agreement"]) == (4, agreement)
    assert told["distance"] == pytest.approx((1 - agreement) * 255 / 258)


def test_shadow_that_kills_the_engine_does_so_once_and_no_client_notices(served, root):
    main(["canary", "colours", "--version", DEADLY, "--percent", "100", "--shadow", "--repository", str(root)])
    wait_until(lambda: canaries(served))
    before = num_restarts(served)
    while num_restarts(served) == before:
        assert ask(served) == 1
    wait_until(lambda: canaries(served))
    for _ in range(3):
        assert ask(served) == 1
    assert num_restarts(served) == before + 1


def num_restarts(served):
    return served.counted("opsin_engine_restarts_total", engine="0", device="cpu")


@contextlib.contextmanager
def traffic(served):
    """Ask all the time; every answer has to be 200."""
    is_over, failures = threading.Event(), []

    def run():
        number = 0
        while not is_over.is_set():
            try:
                ask(served, number)
            except AssertionError as error:
                failures.append(error)
            number += 1
            time.sleep(0.01)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(("version", "status"), [(GOOD, 0), (WRONG, 1)])
def test_watch_promotes_what_is_as_good_and_rolls_back_what_is_not(served, root, capsys, version, status):
    url = f"http://127.0.0.1:{served.port}"
    command = ["canary", "colours", "--version", version, "--percent", "40", "--watch", "--server", url]
    options = ["--answers", "100", "--max-slowdown", "20", "--json", "--repository", str(root)]
    with traffic(served):
        assert main([*command, *options]) == status
    told = json.loads(capsys.readouterr().out)
    assert (told["promoted"], told["rolled_back"]) == (status == 0, status == 1)
    assert told["why"].startswith("another mix of classes" if status else "no worse: 0 of ")
    repository = Repository(root)
    change = repository.history("colours")[-1]
    assert (change.action, change.why) == ("rollback" if status else "promote", f"watch: {told['why']}")
    assert (repository.stable_version("colours"), repository.canary("colours")) == (1 if status else 2, None)


def test_no_request_fails_while_canaries_come_and_go_and_versions_are_swapped(served, root):
    def do(*arguments):
        main([*arguments, "--repository", str(root)])

    with traffic(served):
        for _ in range(2):
            do("canary", "colours", "--version", GOOD, "--percent", "50")
            wait_until(lambda: canaries(served))
            do("rollback", "colours")
            wait_until(lambda: not canaries(served))
            do("promote", "colours:2")
            wait_until(lambda: ask(served) == 2)
            do("rollback", "colours")
            wait_until(lambda: ask(served) == 1)


def test_repository_that_is_only_read_needs_no_lock_and_no_history(tmp_path, start):
    from small_artifacts import snapshot

    for _ in range(2):
        publish_stub(tmp_path)
    root = tmp_path / "models"
    main(["canary", "colours", "--version", "1", "--percent", "50", "--repository", str(root)])
    for file in ("history.jsonl", ".routing.lock"):
        (root / "colours" / file).unlink()
    before = snapshot(root)
    running = start(OPSIN_REPOSITORY=str(root)).wait_until_ready()
    wait_until(lambda: canaries(running))
    assert {ask(running) for _ in range(30)} == {1, 2}
    assert running.stop()[0] == 0
    assert snapshot(root) == before
