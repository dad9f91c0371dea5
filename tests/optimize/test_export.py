"""`python -m optimize export`, with the making of the file left out."""

import json

import pytest
from small_artifacts import small_manifest, small_sources

from models.measuring.metrics import Metrics
from models.store.repository import Repository
from optimize.__main__ import main
from optimize.agreement import Agreement
from optimize.for_device import Added

METRICS = Metrics(num_images=100, top1=0.9, top5=1.0, loss=0.3, ece=0.01)


@pytest.fixture
def artifact(tmp_path):
    return Repository(tmp_path / "repository").publish(small_manifest(), small_sources(tmp_path))


@pytest.fixture
def exported(artifact, tmp_path, replace_function, capsys):
    """Run the command; gives what it prints."""
    added = Added(artifact, "gpu", Agreement(0.99, METRICS, METRICS), is_stable=True)
    replace_function("optimize.for_device.add_file", lambda *_, **__: added)

    def exported(*options):
        assert main(["export", "flowers:1", "--for", "gpu", "--workdir", str(tmp_path), *options]) == 0
        return capsys.readouterr().out

    return exported


def test_it_says_what_was_published(exported, tmp_path):
    says = "published flowers version 1 with litert (int8) and tensorflow (float16), stable: "
    starting, published, _, serve = exported("--repository", str(tmp_path / "repository")).splitlines()
    assert starting == "starting TensorFlow, which takes seconds"
    assert published.startswith(says)
    assert (
        serve == f"  serve it:               OPSIN_DEVICE=gpu OPSIN_REPOSITORY={tmp_path}/repository python -m server"
    )


def test_as_json_it_says_where(exported, artifact, tmp_path):
    assert json.loads(exported("--repository", str(tmp_path / "repository"), "--json")) == {
        "name": "flowers",
        "version": 1,
        "path": str(artifact.path),
        "is_stable": True,
        "label_agreement": 0.99,
    }


def test_repository_may_be_that_of_the_environment(exported, artifact, tmp_path, monkeypatch):
    monkeypatch.setenv("OPSIN_REPOSITORY", str(tmp_path / "repository"))
    assert json.loads(exported("--json"))["path"] == str(artifact.path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("flowers:7", "model 'flowers' has no version 7; it has 1"),
        ("flowers", "a version must be named, as in flowers:1"),
    ],
)
def test_version_that_is_not_there_is_named(artifact, tmp_path, capsys, target, message):
    options = ["--for", "gpu", "--workdir", str(tmp_path), "--repository", str(tmp_path / "repository")]
    try:
        assert main(["export", target, *options]) == 2
    except SystemExit as end:
        assert end.code == 2  # noqa: PT017 - a parser ends the process, a command returns
    assert message in capsys.readouterr().err
