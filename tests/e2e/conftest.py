"""Fixtures: the real server around a stub model, in processes of its own."""

from __future__ import annotations

import contextlib

import pytest
from colours import publish_stub
from otlp_collector import Collector, exporting_to
from running_server import STUB, RunningServer


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    publish_stub(folder)
    return folder / "models"


@pytest.fixture
def start(repository):
    """Start servers; the test fails if one that it has stopped leaves a process or shared memory."""
    with contextlib.ExitStack() as ends:

        def start(**environ):
            running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), **environ})
            ends.callback(running.end)
            return running

        yield start


@pytest.fixture(scope="module")
def served(repository):
    """One server for the tests that leave it as it was; once it is stopped, nothing is left of it."""
    running = RunningServer(
        [str(STUB)],
        {"OPSIN_REPOSITORY": str(repository), "OPSIN_READ_TIMEOUT_MS": "1000", "OPSIN_MAX_UPLOAD_BYTES": "3000000"},
    )
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


@pytest.fixture(scope="module")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(start, collector):
    """Start a server that sends its spans at once."""
    return lambda **environ: start(**exporting_to(collector.url), **environ, OPSIN_WORKERS="1").wait_until_ready()
