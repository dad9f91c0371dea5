"""A class activation map says what each place adds to a logit: of small numbers, and of the shipped models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from models.explanation.classifier_head import ClassifierHead
from models.explanation.litert_graph import DEQUANTIZE, FULLY_CONNECTED, OUTPUT_BYTES, LiteRTGraph, with_outputs
from models.pixels.preprocessing import preprocess
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
PHOTO = REPO / "tests" / "data" / "daisy_2408024540.jpg"
SMALL = ClassifierHead(
    tensor=0,
    name="features",
    shape=(1, 2, 3),
    dtype="int8",
    scale=0.5,
    zero_point=-128,
    weights=np.int8([[1, 2, 3], [-4, 0, 4]]),
    weight_scales=np.float32([[0.25], [0.125]]),
    bias=np.float32([10, 20]),
)
STORED = np.int8([[[-128, -126, -124], [-120, -128, -128]]])


def test_stored_numbers_stand_for_features():
    np.testing.assert_array_equal(SMALL.features(STORED), [[[0, 1, 2], [4, 0, 0]]])


def test_map_has_what_each_place_adds_to_the_logit_of_a_class():
    features = SMALL.features(STORED)
    np.testing.assert_array_equal(SMALL.class_map(features, 0), [[0.25 * (2 + 6), 0.25 * 4]])
    np.testing.assert_array_equal(SMALL.class_map(features, 1), [[0.125 * 8, 0.125 * -16]])


def test_embedding_is_the_mean_over_all_places():
    np.testing.assert_array_equal(SMALL.embedding(SMALL.features(STORED)), [2, 0.5, 1])


def test_feature_whose_mean_saturates_counts_as_much_as_the_dense_layer_sees_of_it():
    head, features = replace(SMALL, pooled_range=(0.0, 1.0)), SMALL.features(STORED)
    np.testing.assert_array_equal(head.embedding(features), [1, 0.5, 1])
    np.testing.assert_array_equal(head.class_map(features, 0), [[0.25 * (2 + 6), 0.25 * 2]])


def inputs_of(spec):
    """The daisy, noise, and grey."""
    noise = np.random.default_rng(0).integers(0, 256, (spec.height_px, spec.width_px, 3), np.uint8)
    return [preprocess(PHOTO.read_bytes(), spec), noise, np.full_like(noise, 128)]


def scale_of(content, tensor):
    return Interpreter(model_content=content).get_tensor_details()[tensor]["quantization"]


@pytest.mark.parametrize("name", ["cifar10", "flowers", "imagenet"])
def test_mean_of_the_map_is_the_logit_less_the_bias_within_the_rounding_of_int8(name):
    artifact = Repository(REPO / "models" / "zoo").load(name)
    content = artifact.model_path("litert").read_bytes()
    graph = LiteRTGraph(content)
    head, pooled, logits = graph.head(), graph.input_of(FULLY_CONNECTED), graph.input_of(DEQUANTIZE)
    memory = bytearray(content + bytes(OUTPUT_BYTES))
    interpreter = Interpreter(model_content=bytes(memory[: with_outputs(memory, len(content), [logits, head.tensor])]))
    interpreter.allocate_tensors()
    (step, zero_point), (pooled_step, _) = scale_of(content, logits), scale_of(content, pooled)
    # Each pooled feature is rounded, as if at random, and then the logit.
    lengths = np.linalg.norm(head.weights * head.weight_scales, axis=1)
    tolerances = step / 2 + 5 * pooled_step / np.sqrt(12) * lengths
    for image in inputs_of(artifact.manifest.pixels):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        features = head.features(interpreter.get_tensor(head.tensor)[0])
        exact = [head.class_map(features, label).mean() + head.bias[label] for label in range(len(head.bias))]
        saturated = np.clip(exact, step * (-128 - zero_point), step * (127 - zero_point))
        given = step * (interpreter.get_tensor(logits)[0].astype(np.float64) - zero_point)
        assert (np.abs(saturated - given) <= tolerances).all()
        assert np.abs(np.subtract(exact, given)).mean() < step
