"""Makes an index of a model's training pictures: some of each class, with their features and thumbnails."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import ArtifactError, ImageError
from models.examples.index import Example, write_index
from models.explanation.explainable_file import open_explainable
from models.explanation.place import upright_size
from models.pixels.preprocessing import PixelSpec, preprocess, read
from models.plural import how_many
from models.predict.pictures import Pictures, UnusableSource, open_pictures
from models.runtime.litert import LiteRTRuntime
from models.store.artifact import Artifact

MAX_PHOTO_BYTES = 64 * 1024**2
THUMBNAIL_PX = 96  # of the longer side
QUALITY = 60


def make_index(artifact: Artifact, data: Path, folder: Path, *, per_class: int) -> int:
    """Write an index of some training pictures of each class into a folder; returns how many they are.

    Args:
        artifact: of the model.
        data: folder or zip file with a folder for each class; those of test or validation are left out.
        folder: which is there.
        per_class: at most so many of each, spread evenly over the names.

    Raises:
        ArtifactError: the model's answers cannot be explained, or there are no such pictures.
    """
    manifest = artifact.manifest
    path = artifact.model_path("litert")
    explainable = open_explainable(path)
    if explainable is None:
        raise ArtifactError(
            f"model {manifest.name!r} version {manifest.version} does not end in global average pooling and one dense "
            "layer, so there are no features to find pictures by"
        )
    shape = (manifest.pixels.height_px, manifest.pixels.width_px, 3)
    runtime = LiteRTRuntime(path, input_shape=shape, num_classes=len(manifest.labels), explainable=explainable)
    examples, embeddings = [], []
    with closing(runtime):
        try:
            pictures = open_pictures(str(data))
        except UnusableSource as error:
            raise ArtifactError(f"the pictures cannot be used: {error}") from error
        for number, label in chosen(pictures, manifest.labels, per_class):
            try:
                photo = pictures.read(number, MAX_PHOTO_BYTES)
                runtime.run(preprocess(photo, manifest.pixels)[None])
                examples.append(Example(label, pictures.names[number], thumbnail(photo)))
            except ImageError:
                continue  # training has left it out, too
            embeddings.append(explainable.head.embedding(runtime.features(0)))
    if not examples:
        labels = how_many(len(manifest.labels), "label")
        raise ArtifactError(f"{data.name} has no picture in a folder that is called as one of the model's {labels}")
    write_index(folder, examples, np.stack(embeddings))
    return len(examples)


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
