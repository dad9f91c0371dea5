"""Fixtures: the real server around a stub model, in processes of its own."""

from __future__ import annotations

import pytest
from running_server import STUB, RunningServer

from models.manifest import EngineFile, Manifest
from models.preprocessing import PixelSpec
from models.repository import Repository


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    (folder / "stub").write_bytes(b"not a model")
    labels = ("red", "green", "blue")
    manifest = Manifest("colours", 1, {}, labels, PixelSpec(8, 8), {"litert": EngineFile("model.tflite", "int8")})
    Repository(folder / "models").publish(manifest, {"model.tflite": folder / "stub"})
    return folder / "models"


@pytest.fixture
def start(repository):
    servers = []

    def start(**environ):
        servers.append(RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), **environ}))
        return servers[-1]

    yield start
    for running in servers:
        running.end()
