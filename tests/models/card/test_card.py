"""The card as JSON: each figure, and what is said where nothing is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_manifest, small_sources

from models.card.card import card_of
from models.card.classes import class_rows
from models.store.evaluation import Evaluation
from models.store.repository import Repository


@pytest.fixture
def card(tmp_path):
    def card(manifest):
        return card_of(Repository(tmp_path / "models").publish(manifest, small_sources(tmp_path)))

    return card


def test_classes_are_told_with_their_intervals_the_worst_first(card):
    rows = card(counted_manifest())["classes"]
    assert [row["label"] for row in rows] == ["rose", "tulip", "daisy"]
    assert rows[0] == {
        "label": "rose",
        "num_images": 100,
        "num_right": 60,
        "num_answered": 65,
        "recall": 0.6,
        "recall_interval": pytest.approx([0.502, 0.6906], abs=1e-3),
        "precision": 0.923077,
        "precision_interval": pytest.approx([0.8322, 0.9667], abs=1e-3),
        "taken_for": [{"label": "tulip", "num_images": 40}],
    }


def test_nothing_is_told_of_a_class_without_test_images():
    evaluation = Evaluation.of(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 0]), precision="int8")
    rows = class_rows(("daisy", "rose", "tulip"), evaluation)
    assert [(row["label"], row["num_answered"], row["recall"], row["precision"]) for row in rows] == [
        ("daisy", 1, 0.5, 1.0),
        ("rose", 1, None, None),
        ("tulip", 0, None, None),
    ]


def test_accuracy_is_of_the_first_file_with_figures_and_has_an_interval(card):
    accuracy = card(counted_manifest())["accuracy"]
    assert (accuracy["precision"], accuracy["top1"], accuracy["num_images"]) == ("int8", 0.85, 300)
    assert accuracy["intervals"]["top1"] == pytest.approx([0.8053, 0.886], abs=1e-3)


def test_confusions_reliability_and_sets_of_labels_are_those_of_the_manifest(card):
    found = card(counted_manifest())
    assert found["confusions"]["pairs"][0] == {"label": "rose", "answer": "tulip", "num_images": 40, "of": 100}
    assert found["confusions"]["num_unlisted"] == 0
    assert [(row["num_images"], row["num_right"]) for row in found["reliability"]] == [
        (2, 0),
        (43, 0),
        (60, 60),
        (195, 195),
    ]
    assert found["label_sets"][0]["coverage"] == 0.8
    assert found["label_sets"][0]["num_images"] == 300


def test_size_is_of_each_file_and_of_all(card):
    found = card(counted_manifest())
    sizes = {file["format"]: file["bytes"] for file in found["files"]}
    assert sizes == {"litert": 11, "tensorflow": 37}
    assert found["size_bytes"] == 48


def test_what_the_manifest_does_not_tell_is_none_or_empty(card):
    found = card(small_manifest(metrics={}, provenance={}))
    assert (found["accuracy"], found["confusions"]) == (None, None)
    assert found["classes"] == found["reliability"] == found["label_sets"] == found["steps"] == []
    assert found["data"]["num_test"] is None
    assert "not known" in found["summary"][1]


def test_accuracy_without_a_number_of_images_has_no_interval(card):
    found = card(small_manifest(metrics={"top1": 0.5}))
    assert found["accuracy"] == {"precision": None, "num_images": None, "top1": 0.5, "intervals": {}}
    assert "Of 100 pictures it is right about 50." in found["summary"]


@pytest.mark.parametrize("told", ["text", 1, None, [1], {"name": [1]}])
def test_provenance_of_any_form_is_no_error(card, told):
    provenance = dict.fromkeys(
        ("dataset", "line", "compared_with_stable", "training_commands", "measured", "command"), told
    )
    json.dumps(card(small_manifest(provenance=provenance)))
