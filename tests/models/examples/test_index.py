"""An index that is written is read from its mapped files, and finds the nearest by angle."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import ArtifactError, CorruptArtifact
from models.examples import index
from models.examples.index import FEATURES, RECORDS, THUMBNAILS, Example, ExampleIndex, write_index

EXAMPLES = [Example("cat", "cat/a.jpg", b"AA"), Example("dog", "dog/b.jpg", b"BBB"), Example("cat", "cat/c.jpg", b"C")]
EMBEDDINGS = np.float32([[1, 0], [0, 10], [3, 3]])


@pytest.fixture
def folder(tmp_path):
    write_index(tmp_path, EXAMPLES, EMBEDDINGS)
    return tmp_path


def test_nearest_come_first_whatever_their_length(folder):
    found = ExampleIndex(folder, num_channels=2).nearest(np.float32([0.1, 0.2]), 2)
    assert [each.example for each in found] == [EXAMPLES[2], EXAMPLES[1]]
    assert [each.similarity for each in found] == pytest.approx([3 / np.sqrt(10), 2 / np.sqrt(5)], abs=1e-6)


def test_no_more_are_found_than_there_are(folder):
    assert len(ExampleIndex(folder, num_channels=2).nearest(np.float32([1, 1]), 50)) == 3


def test_pictures_are_compared_in_parts(folder, monkeypatch):
    whole = ExampleIndex(folder, num_channels=2).nearest(np.float32([1, 3]), 3)
    monkeypatch.setattr(index, "_CHUNK", 2)
    assert ExampleIndex(folder, num_channels=2).nearest(np.float32([1, 3]), 3) == whole


@pytest.mark.parametrize("embedding", [[0, 0], [-1, -1]])
def test_picture_without_features_is_like_none(folder, embedding):
    assert max(each.similarity for each in ExampleIndex(folder, num_channels=2).nearest(np.float32(embedding), 3)) <= 0


@pytest.mark.parametrize("name", [FEATURES, RECORDS, THUMBNAILS])
@pytest.mark.parametrize("content", [b"", b"[]", b"\x93NUMPY\1", b"[{}]"])
def test_broken_file_is_corrupt(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(CorruptArtifact, match=r"^the examples "):
        ExampleIndex(folder, num_channels=2)


def test_index_of_another_network_is_corrupt(folder):
    with pytest.raises(CorruptArtifact, match=r"^the examples do not belong together, or not to this model$"):
        ExampleIndex(folder, num_channels=3)


def test_missing_file_is_named_without_its_path(folder):
    (folder / THUMBNAILS).unlink()
    with pytest.raises(ArtifactError, match=r"^the examples cannot be read: No such file or directory$"):
        ExampleIndex(folder, num_channels=2)
