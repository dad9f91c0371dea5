"""A deployed model learns on, as README.md says: trained from what serves, compared unseen, given a share, promoted."""

from __future__ import annotations

import contextlib
import shutil

import pytest
from pictures import encode
from PIL import Image
from running_server import RunningServer, wait_until
from toy_data import toy_images, write_folders

from models.cli import main as models
from models.store.repository import Repository

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
    pytest.mark.extended(
        covers=["training/transfer/*.py", "training/publish.py", "models/store/roll*.py", "server/engine/registry.py"]
    ),
]
PICTURES = [encode(Image.fromarray(image), "PNG") for image in toy_images(6, seed=5)[0]]


@pytest.fixture
def root(toy_run, tmp_path):
    return shutil.copytree(toy_run.parent / "repository", tmp_path / "repository")


@pytest.fixture
def candidate(eager, root, toy_run, tmp_path):
    """The number of a version that the command trains from what serves."""
    from training.__main__ import main

    where = ["--workdir", str(tmp_path / "toy-again"), "--name", "toy", "--repository", str(root)]
    short = ["--set", "epochs=2", "--set", "batch_size=16", "--set", "small_fraction=0"]
    old = write_folders(tmp_path / "photos", num_images=60)
    new = write_folders(tmp_path / "photos-of-spring", num_images=30, seed=7)
    assert main(["--data", str(new), "--old", str(old), "--init", str(toy_run), *where, *short]) == 0
    return max(Repository(root).versions("toy"))


@pytest.fixture
def server(root):
    running = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(root), "OPSIN_RUNTIME": "litert"})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


def test_version_that_was_trained_from_the_one_that_serves_comes_to_answer_step_by_step(
    root, candidate, server, capsys
):
    def command(*words):
        assert models([*words, "--repository", str(root)]) == 0

    def versions():
        answers = [server.request("POST", "/predict", picture) for picture in PICTURES]
        assert [status for status, _ in answers] == [200] * len(PICTURES)
        return {document["version"] for _, document in answers}

    def canary():
        return next(iter(server.request("GET", "/readyz")[1].get("canaries", [])), {})

    manifest = Repository(root).load("toy", candidate).manifest
    assert "it is a candidate, as was asked for" in manifest.provenance["compared_with_stable"]["reason"]
    beside = manifest.provenance["side_by_side"]
    assert [(part["photos"], part["num_images"], part["before"]["version"]) for part in beside] == [
        ("old", 9, "toy:1"),
        ("new", 6, "toy:1"),
    ]
    assert versions() == {1}

    command("canary", "toy", "--version", str(candidate), "--percent", "100", "--shadow")
    wait_until(lambda: versions() == {1} and canary().get("compared"))
    command("canary", "toy", "--version", str(candidate), "--percent", "50")
    wait_until(lambda: versions() == {1, candidate})
    command("promote", f"toy:{candidate}")
    wait_until(lambda: versions() == {candidate})
    command("rollback", "toy")
    wait_until(lambda: versions() == {1})
