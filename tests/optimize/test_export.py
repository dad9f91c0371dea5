"""`python -m models export`, with the making of the file left out."""

import json
import subprocess

import pytest
from small_artifacts import small_manifest, small_sources

from models.cli import main
from models.store.repository import Repository
from optimize import export
from optimize.agreement import Agreement
from optimize.for_device import Added
from training.evaluate import Metrics

METRICS = Metrics(num_images=100, top1=0.9, top5=1.0, loss=0.3, ece=0.01)


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """Run the command in this process; gives what it prints."""
    artifact = Repository(tmp_path / "repository").publish(small_manifest(), small_sources(tmp_path))
    added = Added(artifact, Agreement(0.99, METRICS, METRICS), is_stable=True)
    monkeypatch.setattr("optimize.for_device.add_file", lambda *_, **__: added)

    def run(command, *, check):
        assert command[1:3] == ["-m", export.__name__]
        return subprocess.CompletedProcess(command, export.main(command[3:]))

    monkeypatch.setattr(subprocess, "run", run)

    def exported(*options):
        options = [*options, "--repository", str(tmp_path / "repository"), "--workdir", str(tmp_path)]
        assert main(["export", "flowers:1", "--for", "gpu", *options]) == 0
        return artifact.path, capsys.readouterr().out

    return exported


def test_it_says_what_was_published(exported):
    assert exported()[1].startswith("published flowers version 1 with litert (int8) and tensorflow (float16), stable: ")


def test_as_json_it_says_where(exported):
    path, out = exported("--json")
    assert json.loads(out) == {
        "name": "flowers",
        "version": 1,
        "path": str(path),
        "is_stable": True,
        "label_agreement": 0.99,
    }
