"""What a publisher says of a version, kept beside it."""

from __future__ import annotations

import json

import pytest

from models.errors import CorruptArtifact
from models.store.purposes import MAX_CHARACTERS, MAX_LINES, PURPOSES_FILE, Purpose, read_purpose, write_purpose

SAID = Purpose(("Sorting",), (), ("No winter",), "Ada", "", "CC0")


def test_what_is_said_of_a_version_holds_for_later_ones_until_something_else_is(tmp_path):
    write_purpose(tmp_path, 2, SAID)
    write_purpose(tmp_path, 10, Purpose(("Counting",)))
    found = [read_purpose(tmp_path, version) for version in (1, 2, 9, 10, 11)]
    assert found == [None, SAID, SAID, Purpose(("Counting",)), Purpose(("Counting",))]
    write_purpose(tmp_path, 10, None)
    assert read_purpose(tmp_path, 11) == SAID


def test_nothing_is_said_without_the_file(tmp_path):
    assert read_purpose(tmp_path, 1) is None
    write_purpose(tmp_path, 1, None)
    assert not (tmp_path / PURPOSES_FILE).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"is_for": "one text"},
        {"is_for": [""]},
        {"is_for": ["two\nlines"]},
        {"caveats": ["x" * (MAX_CHARACTERS + 1)]},
        {"is_not_for": ["x"] * (MAX_LINES + 1)},
        {"licence": 1},
        {"licence": "x" * (MAX_CHARACTERS + 1)},
        {"price": "free"},
        [],
    ],
)
def test_what_is_too_long_or_no_text_is_refused(tmp_path, fields):
    with pytest.raises(ValueError, match=r"must|may have"):
        Purpose.from_dict(fields)
    (tmp_path / PURPOSES_FILE).write_text(json.dumps({"1": fields}))
    with pytest.raises(CorruptArtifact, match=r"purposes.json of model .* is corrupt.*--clear"):
        read_purpose(tmp_path, 1)


@pytest.mark.parametrize("content", ["{", "[]", '{"first": {}}'])
def test_file_of_another_form_is_told(tmp_path, content):
    (tmp_path / PURPOSES_FILE).write_text(content)
    with pytest.raises(CorruptArtifact, match="is corrupt"):
        read_purpose(tmp_path, 1)
    write_purpose(tmp_path, 1, SAID)
    if content != '{"first": {}}':
        assert read_purpose(tmp_path, 1) == SAID
