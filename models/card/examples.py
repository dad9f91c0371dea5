"""The example pictures of a card: training pictures of each class, where the manifest says that they may be shown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from models.errors import CorruptArtifact, without_host_paths
from models.examples.index import FOLDER, RECORDS, THUMBNAILS
from models.store.artifact import Artifact

NUM_SHOWN = 3  # of each class


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the index: its number there, its class, its name in the data, and where its thumbnail lies."""

    number: int
    label: str
    source: str
    start: int
    num_bytes: int


def shown_examples(artifact: Artifact) -> list[Shown]:
    """Return the first pictures of each class in the index; none where the version has none that may be shown.

    Raises:
        CorruptArtifact: the index is broken.
        ArtifactError: it cannot be read.
    """
    examples = artifact.manifest.examples
    if examples is None or not examples.may_be_shown:
        return []
    shown, start, counts = [], 0, Counter[str]()
    with without_host_paths("the examples cannot be read"):
        try:
            for number, record in enumerate(json.loads((artifact.path / FOLDER / RECORDS).read_bytes())):
                label, num_bytes = str(record["label"]), int(record["thumbnail_bytes"])
                if num_bytes < 0:
                    raise ValueError
                counts[label] += 1
                if counts[label] <= NUM_SHOWN:
                    shown.append(Shown(number, label, str(record["source"]), start, num_bytes))
                start += num_bytes
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptArtifact("the examples are broken") from error
    return shown


def thumbnail_of(artifact: Artifact, picture: Shown) -> bytes:
    """Read the thumbnail of a picture, WebP; ArtifactError where that is not possible."""
    with without_host_paths("the examples cannot be read"), (artifact.path / FOLDER / THUMBNAILS).open("rb") as file:
        file.seek(picture.start)
        return file.read(picture.num_bytes)
