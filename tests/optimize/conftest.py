"""Fixtures for what trains on from a finished run."""

from __future__ import annotations

from dataclasses import replace
from pkgutil import resolve_name
from unittest.mock import create_autospec

import pytest


@pytest.fixture(scope="session")
def open_toy(toy_run):
    """Opens the toy run, or another, anew each time, for a model may change.

    It says that half of its steps saw small images, and that crops were taken of larger ones than what is served.
    """
    from optimize.source import open_source

    def open_toy(workdir=toy_run):
        source = open_source(workdir, None)
        augmentation = replace(source.run.config.augmentation, crop="resized")
        config = replace(source.run.config, small_fraction=0.5, crop_fraction=0.8, augmentation=augmentation)
        return replace(source, run=replace(source.run, config=config))

    return open_toy


@pytest.fixture
def replace_function(monkeypatch):
    """Have another function called in the place of one, which may be called as its signature says and not otherwise."""

    def replace_function(name, other):
        monkeypatch.setattr(name, create_autospec(resolve_name(name), side_effect=other))

    return replace_function
