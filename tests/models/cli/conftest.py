"""A repository with something in it, and the command that looks after it."""

from __future__ import annotations

import pytest
from small_artifacts import small_manifest, small_sources

from models.cli import main
from models.store.manifest import ModelFile
from models.store.repository import Repository


@pytest.fixture
def repository(tmp_path):
    """flowers 1 and 2 (stable), birds 1 (stable, no accuracy, CPU only)."""
    repository = Repository(tmp_path / "models")
    sources = small_sources(tmp_path)
    repository.publish(small_manifest(), sources)
    repository.publish(small_manifest(metrics={"top1": 0.5}), sources)
    litert = {"litert": ModelFile("model.tflite", "float32")}
    repository.publish(
        small_manifest(name="birds", metrics={}, formats=litert, architecture={}),
        {"model.tflite": sources["model.tflite"]},
    )
    return repository


@pytest.fixture
def models(repository, capsys):
    """Run the command on the repository; gives status, stdout, stderr."""

    def run(*arguments):
        try:
            status = main([*arguments, "--repository", str(repository.root)])
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return run
