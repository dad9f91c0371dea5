"""Training photos come beside a model where whoever trains says that they may be shown, and bounded in number."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from small_artifacts import small_manifest
from tflite_files import colour_classifier, pooled_classifier

from models.examples import make
from models.examples.index import FOLDER, RECORDS
from models.store.examples import Examples
from models.store.manifest import ModelFile
from training import shown_photos
from training.dataset import Dataset, Split
from training.shown_photos import chosen_photos, with_shown_photos

LABELS = ("red", "green", "blue")
WEIGHTS = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]
LICENCE = "CC-BY 4.0 by Ada"


def picture(index):
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (index, 100, 0)).save(file, "PNG")
    return b"no picture" if index == 1 else file.getvalue()


def data_of(targets, *, labels=LABELS, has_names=True):
    names = tuple(f"train/{labels[target]}/{index}.png" for index, target in enumerate(targets)) if has_names else ()
    train = Split(np.array(targets), picture, names)
    empty = Split(np.array([], int), picture)
    return Dataset("toy", "ab" * 32, labels, train, empty, empty, None, survey=None)


@pytest.fixture
def published(tmp_path):
    """The manifest to be published, and what the records of its index say."""
    file = pooled_classifier(tmp_path / "model.tflite", WEIGHTS, [0, 0, 0])

    def published(data, licence=LICENCE, file=file):
        manifest = small_manifest(labels=data.labels, formats={"litert": ModelFile("model.tflite", "float32")})
        with with_shown_photos(manifest, {"model.tflite": file}, data, file=file, licence=licence) as (new, files):
            index = files.get(f"{FOLDER}/{RECORDS}")
            return new, {} if index is None else json.loads(index.read_text()), sorted(files)

    return published


def test_photos_of_each_class_come_with_their_licence(published):
    manifest, records, files = published(data_of([2, 0, 0, 2, 0]))
    assert manifest.examples == Examples(4, LICENCE, may_be_shown=True)  # but for what is no picture
    assert [(each["label"], each["source"]) for each in records] == [
        ("red", "train/red/2.png"),
        ("red", "train/red/4.png"),
        ("blue", "train/blue/0.png"),
        ("blue", "train/blue/3.png"),
    ]
    assert files == ["examples/examples.json", "examples/features.npy", "examples/thumbnails.bin", "model.tflite"]


def test_nothing_comes_without_a_licence(published):
    manifest, records, files = published(data_of([0, 2]), licence="")
    assert (manifest.examples, records, files) == (None, {}, ["model.tflite"])


def test_network_of_another_end_is_published_without(published, tmp_path):
    file = colour_classifier(tmp_path / "other.tflite")
    assert published(data_of([0, 2]), file=file)[0].examples is None


def test_each_class_has_as_many_when_the_time_is_up(published, monkeypatch):
    clock = iter([0.0, *(20.0 * step for step in range(1, 99))])
    monkeypatch.setattr(make.time, "monotonic", lambda: next(clock))
    _, records, _ = published(data_of([0, 0, 0, 0, 1, 2, 2, 2]))
    assert [each["source"] for each in records] == ["train/red/0.png", "train/green/4.png", "train/blue/5.png"]


def test_classes_have_at_most_so_many_spread_over_their_order_and_fewer_where_there_are_many(monkeypatch):
    chosen = [each.source for each in chosen_photos(data_of([0] * 200 + [1]))]
    assert chosen[:2] == ["train/red/0.png", "train/green/200.png"]
    assert (len(chosen), chosen[-1]) == (41, "train/red/199.png")
    monkeypatch.setattr(shown_photos, "MAX_PHOTOS", 9)
    assert len(chosen_photos(data_of([0] * 50 + [1] * 50))) == 6


def test_class_of_nothing_is_not_shown_and_rows_of_an_array_have_numbers():
    chosen = chosen_photos(data_of([0, 1, 0], labels=("red", "_none"), has_names=False))
    assert [each.source for each in chosen] == ["train/0", "train/2"]
