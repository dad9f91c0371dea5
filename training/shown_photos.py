"""Puts some training photos beside a model that is published, where whoever trains says that they may be shown."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np

from models.examples.index import FOLDER
from models.examples.make import Photo, index_photos
from models.store.calibration import NONE_LABEL
from models.store.examples import Examples
from models.store.manifest import Manifest
from training.dataset import Dataset

PER_CLASS = 40
MAX_PHOTOS = 4000  # of all classes, 3 KB each
TIME_LIMIT_S = 60.0


@contextmanager
def with_shown_photos(
    manifest: Manifest, files: Mapping[str, Path], data: Dataset, *, file: Path, licence: str
) -> Iterator[tuple[Manifest, Mapping[str, Path]]]:
    """Give a manifest and its files, with an index of training photos while this lasts, if there is a licence.

    Args:
        manifest: to be published.
        files: that belong to it.
        data: that the model has learned from.
        file: of the model, for LiteRT.
        licence: of the photos, and who is to be named; empty where they may not be shown.
    """
    if not licence:
        yield manifest, files
        return
    with tempfile.TemporaryDirectory() as name:
        photos = chosen_photos(data)
        num_images = index_photos(file, manifest, photos, Path(name), time_limit_s=TIME_LIMIT_S)
        if not num_images:
            yield manifest, files
            return
        added = {f"{FOLDER}/{each.name}": each for each in Path(name).iterdir()}
        yield replace(manifest, examples=Examples(num_images, licence, may_be_shown=True)), {**files, **added}


def chosen_photos(data: Dataset) -> list[Photo]:
    """Choose training photos of each class, spread evenly over their order, one of each class after the other."""
    per_class = max(1, min(PER_CLASS, MAX_PHOTOS // len(data.labels)))
    split, columns = data.train, []
    for target, label in enumerate(data.labels):
        if label == NONE_LABEL:
            continue
        numbers = np.flatnonzero(split.targets == target)
        places = np.unique(np.linspace(0, len(numbers) - 1, min(per_class, len(numbers))).round().astype(int))
        columns.append([(int(numbers[place]), label) for place in places])
    return [
        Photo(label, split.names[number] if split.names else f"train/{number}", partial(split.read, number))
        for row in zip_longest(*columns)
        for number, label in (each for each in row if each)
    ]
