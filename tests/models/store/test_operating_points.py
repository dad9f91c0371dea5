"""Operating points beside the versions: read, written, kept apart, and forgotten with their version."""

from __future__ import annotations

import json

import pytest

from models.errors import CorruptArtifact
from models.store.operating_points import (
    OPERATING_POINTS_FILE,
    OperatingPoint,
    read_operating_point,
    write_operating_point,
)

POINT = OperatingPoint((0.9, None, 0.0), "precision 0.95")


def test_answer_is_accepted_from_its_threshold_on():
    assert [POINT.accepts(0, p) for p in (0.89, 0.9, 1.0)] == [False, True, True]
    assert POINT.accepts(1, 1.0) is False
    assert POINT.accepts(2, 0.0) is True


def test_versions_have_points_of_their_own(tmp_path):
    assert read_operating_point(tmp_path, 1, 3) is None
    other = OperatingPoint((0.5,), "x 0.5")
    write_operating_point(tmp_path, 1, POINT)
    write_operating_point(tmp_path, 2, other)
    assert (read_operating_point(tmp_path, 1, 3), read_operating_point(tmp_path, 2, 1)) == (POINT, other)
    write_operating_point(tmp_path, 1, None)
    assert (read_operating_point(tmp_path, 1, 3), read_operating_point(tmp_path, 2, 1)) == (None, other)


def test_forgetting_what_was_never_set_writes_nothing(tmp_path):
    write_operating_point(tmp_path, 1, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "is not well-formed JSON"),
        ("[]", "must hold a JSON object"),
        ('{"1": []}', "must have the fields asked and thresholds"),
        ('{"1": {"asked": "x", "thresholds": [0.5]}}', "must have 3 thresholds"),
        ('{"1": {"asked": "x", "thresholds": [0.5, 2, 0]}}', r"must be a number in \[0, 1\]"),
        ('{"1": {"asked": "x", "thresholds": [0.5, "a", 0]}}', r"must be a number in \[0, 1\]"),
        ('{"1": {"asked": "", "thresholds": [0, 0, 0]}}', "must be a non-empty text"),
    ],
)
def test_file_that_is_malformed_is_told_with_what_to_do_and_written_anew(tmp_path, content, fault):
    (tmp_path / OPERATING_POINTS_FILE).write_text(content)
    with pytest.raises(CorruptArtifact, match=fault) as error:
        read_operating_point(tmp_path, 1, 3)
    assert "--clear` begins anew" in str(error.value)
    write_operating_point(tmp_path, 1, POINT)
    assert read_operating_point(tmp_path, 1, 3) == POINT


def test_file_is_json_that_says_what_was_asked_for(tmp_path):
    write_operating_point(tmp_path, 7, POINT)
    assert json.loads((tmp_path / OPERATING_POINTS_FILE).read_text()) == {
        "7": {"asked": "precision 0.95", "thresholds": [0.9, None, 0.0]}
    }
