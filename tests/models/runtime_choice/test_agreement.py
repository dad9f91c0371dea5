"""What counts as the model's answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_artifacts import small_manifest, small_sources

from models.portable.golden import GOLDEN_FILE, Golden, GoldenPicture
from models.portable.painting import PAINTED
from models.runtime_choice.agreement import GOLDEN, LITERT, MAX_DISTANCE, WIDE_MARGIN, compare, reference_for
from models.store.repository import Repository

RIGHT = np.array([[0.5, 0.3, 0.2]] * 10, np.float32)


def answers(**changes):
    """The right ones, but for some pictures."""
    changed = RIGHT.copy()
    for name, row in changes.items():
        changed[int(name[1:])] = row
    return changed


def test_same_answers_agree():
    assert compare(RIGHT, RIGHT).fault == ""
    assert compare(RIGHT, RIGHT).num_same_label == compare(RIGHT, RIGHT).num_pictures == 10


def test_distance_is_the_mean_of_half_the_differences():
    found = compare(answers(_0=(0.4, 0.4, 0.2), _1=(0.5, 0.2, 0.3)), RIGHT)
    assert found.distance == pytest.approx((0.1 + 0.1) / 10)
    assert found.fault == ""


def test_probabilities_that_differ_by_more_than_roundings_are_others():
    moved = MAX_DISTANCE + 0.01
    found = compare(RIGHT + np.array((moved, -moved, 0), np.float32), RIGHT)
    assert found.num_same_label == 10
    assert found.fault == "probabilities differ by 0.055 where 0.045 is allowed"


def test_another_label_counts_where_the_reference_was_in_no_doubt():
    narrow, wide = (0.5, 0.5 - WIDE_MARGIN + 0.01, 0.1), (0.5, 0.5 - WIDE_MARGIN - 0.01, 0.1)
    other = np.array([(0.3, 0.6, 0.1)], np.float32)
    assert compare(other, np.array([narrow], np.float32)).num_other_label == 0
    assert compare(other, np.array([wide], np.float32)).fault == "1 of 1 pictures get another label"


def test_no_numbers_are_no_answers():
    assert "nan" in compare(answers(_3=(np.nan, np.nan, np.nan)), RIGHT).fault


def test_golden_answers_are_the_reference_where_they_are_of_this_file(tmp_path):
    manifest, sources = small_manifest(), small_sources(tmp_path)
    plain = Repository(tmp_path / "plain").publish(manifest, sources)
    pictures = tuple(GoldenPicture(name, "", (1, 1), "", "", (0.5, 0.3, 0.2)) for name in PAINTED)

    def published(digest):
        golden = Golden(manifest.labels, manifest.pixels, "int8", digest, {}, pictures)
        (tmp_path / GOLDEN_FILE).write_bytes(golden.encode())
        repository = Repository(tmp_path / f"of-{digest[:8]}")
        return repository.publish(manifest, {**sources, GOLDEN_FILE: tmp_path / GOLDEN_FILE})

    def answer(images):
        return np.zeros((len(images), 3), np.float32)

    its_own = reference_for(published(plain.manifest.files["model.tflite"]), answer)
    assert its_own.source == GOLDEN
    assert its_own.probabilities.tolist() == RIGHT.tolist()
    assert {image.shape for image in its_own.pixels} == {(32, 32, 3)}
    for artifact in (plain, published("0" * 64)):
        reference = reference_for(artifact, answer)
        assert (reference.source, reference.probabilities.sum()) == (LITERT, 0)


def test_golden_answers_that_are_broken_are_none(tmp_path):
    (tmp_path / GOLDEN_FILE).write_text(json.dumps({"format": 1}))
    sources = {**small_sources(tmp_path), GOLDEN_FILE: tmp_path / GOLDEN_FILE}
    artifact = Repository(tmp_path / "repository").publish(small_manifest(), sources)
    assert reference_for(artifact, lambda images: np.ones((len(images), 3), np.float32)).source == LITERT
