"""Runtimes that are given an explainable file give feature maps beside the same answers."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from cifar10_sample import sample_pixels

from models.explanation.explainable_file import open_explainable
from models.runtime import load_runtime
from models.runtime.shared_weights import SharedWeights
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

SHIPPED = Repository(SHIPPED_MODELS).load("cifar10")


@pytest.fixture(scope="module")
def explainable():
    return open_explainable(SHIPPED.model_path("litert"))


@pytest.fixture(scope="module", params=["litert", "shared", "openvino"])
def runtime(request, explainable):
    if request.param == "openvino":
        pytest.importorskip("models.runtime.openvino", reason="openvino is not installed")
    name = "litert" if request.param == "shared" else request.param
    with SharedWeights() as weights:
        options = {"weights": weights} if request.param == "shared" else {}
        runtime = load_runtime(SHIPPED, runtime=name, batch_sizes=(1, 2, 4), explainable=explainable, **options)
    yield runtime
    runtime.close()


def test_answers_are_those_without_feature_maps(runtime):
    name = "openvino" if type(runtime).__name__.startswith("OpenVINO") else "litert"
    with closing(load_runtime(SHIPPED, runtime=name, batch_sizes=(4,))) as plain:
        images = sample_pixels()[:4]
        np.testing.assert_allclose(runtime.run(images), plain.run(images), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_maps_of_each_image_of_a_batch_make_its_logits(runtime, explainable, size):
    head = explainable.head
    for index, row in enumerate(runtime.run(sample_pixels()[:size])):
        features = runtime.features(index)
        assert (features.shape, features.dtype) == ((8, 8, 128), np.float32)
        logits = [head.class_map(features, label).mean() + head.bias[label] for label in range(10)]
        likely = np.flatnonzero(row > 1e-6)
        [slope, _] = np.polyfit(np.log(row[likely]), np.array(logits)[likely], 1)
        assert slope == pytest.approx(0.7162, abs=0.03)  # the temperature


def test_feature_maps_are_not_overwritten_by_the_next_run(runtime):
    images = sample_pixels()
    runtime.run(images[:2])
    first = runtime.features(1)
    kept = first.copy()
    runtime.run(images[2:4])
    np.testing.assert_array_equal(first, kept)
