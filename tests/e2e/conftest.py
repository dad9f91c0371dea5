"""Fixtures: the real server around a stub model, in processes of its own."""

from __future__ import annotations

import pytest
from colours import publish_stub
from running_server import STUB, RunningServer


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    publish_stub(folder)
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


@pytest.fixture(scope="module")
def served(repository):
    """One server for the tests that leave it as it was."""
    running = RunningServer(
        [str(STUB)],
        {"OPSIN_REPOSITORY": str(repository), "OPSIN_READ_TIMEOUT_MS": "1000", "OPSIN_MAX_UPLOAD_BYTES": "3000000"},
    ).wait_until_ready()
    yield running
    running.end()
