"""Fixtures for what trains on from a finished run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pkgutil import resolve_name
from unittest.mock import create_autospec

import numpy as np
import pytest


def pytest_collection_modifyitems(items):
    """Ignore, in tests that run eagerly, that tf.data says each time that it traces its own functions all the same."""
    for item in items:
        if {"eager", "eager_module"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run"))


@pytest.fixture(scope="module")
def eager_module():
    """Run TensorFlow's functions without tracing them, in all of a module, where learning is not the point."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def open_toy(toy_run):
    """Opens the toy run, or another, anew each time, and asserts at the end that the teacher stayed as it was.

    It says that half of its steps saw small images, and that crops were taken of larger ones than what is served.
    """
    from optimize.source import open_source
    from training.run import load_model

    opened = []

    def open_toy(workdir=toy_run):
        source = open_source(workdir, None)
        opened.append((workdir, source.model))
        augmentation = replace(source.run.config.augmentation, crop="resized")
        config = replace(source.run.config, small_fraction=0.5, crop_fraction=0.8, augmentation=augmentation)
        return replace(source, run=replace(source.run, config=config))

    yield open_toy
    for workdir, model in opened:
        for weight, before in zip(model.get_weights(), load_model(workdir).get_weights(), strict=True):
            np.testing.assert_array_equal(weight, before)


@pytest.fixture
def replace_function(monkeypatch):
    """Have another function called in the place of one, which may be called as its signature says and not otherwise."""

    def replace_function(name, other):
        monkeypatch.setattr(name, create_autospec(resolve_name(name), side_effect=other))

    return replace_function


@pytest.fixture
def quick_export(toy_run, replace_function):
    """Have the file of a trained network be that of the toy run, where a test looks at the network alone."""
    replace_function("training.publish.export_float32", lambda _, file: shutil.copy(toy_run / "float32.tflite", file))
