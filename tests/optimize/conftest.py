"""Fixtures for what trains on from a finished run."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.fixture(scope="session")
def open_toy(toy_run):
    """Opens the toy run, anew each time, for a model may change; it says that half of its steps saw small images."""
    from optimize.source import open_source

    def open_toy():
        source = open_source(toy_run, None)
        return replace(source, run=replace(source.run, config=replace(source.run.config, small_fraction=0.5)))

    return open_toy
