"""Makes an index of a model's training pictures: some of each class, with their features and thumbnails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import ArtifactError, ImageError
from models.examples.index import Example, Floats, write_index
from models.explanation.explainable_file import open_explainable
from models.explanation.place import upright_size
from models.pixels.preprocessing import PixelSpec, preprocess, read
from models.plural import how_many
from models.predict.pictures import Pictures, UnusableSource, open_pictures
from models.runtime.litert import LiteRTRuntime
from models.store.artifact import Artifact
from models.store.examples import MAX_EXAMPLES
from models.store.manifest import Manifest

MAX_PHOTO_BYTES = 64 * 1024**2
THUMBNAIL_PX = 96  # of the longer side
QUALITY = 60


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that may come into an index.

    Attributes:
        label: its class.
        source: its name in the data.
        read: gives its encoded bytes; ImageError where that is not possible.
    """

    label: str
    source: str
    read: Callable[[], bytes]


def make_index(artifact: Artifact, data: Path, folder: Path, *, per_class: int) -> int:
    """Write an index of some training pictures of each class into a folder; returns how many they are.

    Args:
        artifact: of the model.
        data: folder or zip file with a folder for each class; those of test or validation are left out.
        folder: which is there.
        per_class: at most so many of each, spread evenly over the names; fewer where there are very many classes.

    Raises:
        ArtifactError: the model's answers cannot be explained, or there are no such pictures.
    """
    manifest = artifact.manifest
    try:
        pictures = open_pictures(str(data))
    except UnusableSource as error:
        raise ArtifactError(f"the pictures cannot be used: {error}") from error
    per_class = min(per_class, max(1, MAX_EXAMPLES // len(manifest.labels)))
    photos = [
        Photo(label, pictures.names[number], partial(pictures.read, number, MAX_PHOTO_BYTES))
        for number, label in chosen(pictures, manifest.labels, per_class)
    ]
    num_images = index_photos(artifact.model_path("litert"), manifest, photos, folder)
    if num_images is None:
        raise ArtifactError(
            f"model {manifest.name!r} version {manifest.version} does not end in global average pooling and one dense "
            "layer, so there are no features to find pictures by"
        )
    if not num_images:
        labels = how_many(len(manifest.labels), "label")
        raise ArtifactError(f"{data.name} has no picture in a folder that is called as one of the model's {labels}")
    return num_images


def index_photos(
    file: Path, manifest: Manifest, photos: Sequence[Photo], folder: Path, *, time_limit_s: float = math.inf
) -> int | None:
    """Write an index of photos into a folder; returns how many there are, None where the model cannot find any.

    Args:
        file: of the model, for LiteRT.
        manifest: of the model.
        photos: in the order in which they are wanted, should the time not be enough; at most MAX_EXAMPLES are taken.
        folder: which is there.
        time_limit_s: after which it makes do with what it has.
    """
    explainable = open_explainable(file)
    if explainable is None:
        return None
    pixels, ends = manifest.pixels, time.monotonic() + time_limit_s
    shape = (pixels.height_px, pixels.width_px, 3)
    runtime = LiteRTRuntime(file, input_shape=shape, num_classes=len(manifest.labels), explainable=explainable)
    found: list[tuple[Example, Floats]] = []
    with closing(runtime):
        for photo in photos[:MAX_EXAMPLES]:
            if found and time.monotonic() >= ends:
                break
            try:
                content = photo.read()
                runtime.run(preprocess(content, pixels)[None])
                example = Example(photo.label, photo.source, thumbnail(content))
            except ImageError:
                continue  # training has left it out, too
            found.append((example, explainable.head.embedding(runtime.features(0))))
    if found:
        found.sort(key=lambda each: manifest.labels.index(each[0].label))  # as a card shows them
        write_index(folder, [example for example, _ in found], np.stack([features for _, features in found]))
    return len(found)


def chosen(pictures: Pictures, labels: tuple[str, ...], per_class: int) -> list[tuple[int, str]]:
    """Choose pictures of each class, spread evenly over their names: their numbers and labels."""
    of_class: dict[str, list[int]] = {label: [] for label in labels}
    for number, name in enumerate(pictures.names):
        *folders, label, _ = ["", *name.split("/")]
        if label in of_class and not HELD_OUT & {folder.lower() for folder in folders}:
            of_class[label].append(number)
    return [
        (numbers[place], label)
        for label, numbers in of_class.items()
        for place in np.unique(np.linspace(0, len(numbers) - 1, min(per_class, len(numbers))).round().astype(int))
    ]


HELD_OUT = {"test", "testing", "val", "valid", "validation", "eval", "dev"}


def thumbnail(photo: bytes) -> bytes:
    """Scale a whole photo down, upright, as WebP without any of its metadata."""
    encoded = read(photo, PixelSpec(1, 1)).encoded
    width, height = upright_size(encoded)
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    spec = PixelSpec(max(1, round(scale * height)), max(1, round(scale * width)), fit="stretch")
    file = BytesIO()
    Image.fromarray(preprocess(photo, spec)).save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
