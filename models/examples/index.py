"""An index of training pictures by a network's features: three files of an artifact, mapped and not read.

features.npy       int8 [N, channels], each row scaled so that its largest number is 127
thumbnails.bin     N pictures, WebP, one after another
examples.json      of each its label, its file's name and the bytes of its thumbnail
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import CorruptArtifact, without_host_paths
from models.store.examples import MAX_EXAMPLES

FOLDER = "examples"
FEATURES, THUMBNAILS, RECORDS = "features.npy", "thumbnails.bin", "examples.json"
_CHUNK = 1024  # rows that are compared at a time, as float32

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A training picture.

    Attributes:
        label: its class.
        source: its name in the data that the model has learned from.
        thumbnail: WebP.
    """

    label: str
    source: str
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Similar:
    """A training picture, and the cosine of the angle between its features and those of another picture."""

    example: Example
    similarity: float


class ExampleIndex:
    """The training pictures of one version; any number of threads may ask it.

    Args:
        folder: of the three files.
        num_channels: of the network's features.

    Raises:
        CorruptArtifact: they do not belong together.
        ArtifactError: they cannot be read.
    """

    def __init__(self, folder: Path, *, num_channels: int) -> None:
        with without_host_paths("the examples cannot be read"):
            try:
                self._features = np.load(folder / FEATURES, mmap_mode="r", allow_pickle=False)
                self._records = json.loads((folder / RECORDS).read_bytes())
                ends = np.cumsum([0, *(int(record["thumbnail_bytes"]) for record in self._records)])
                with (folder / THUMBNAILS).open("rb") as file:
                    self._thumbnails = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except (ValueError, TypeError, KeyError, EOFError) as error:
                raise CorruptArtifact("the examples are broken") from error
        num_images = len(self._records)
        if (
            self._features.shape != (num_images, num_channels)
            or self._features.dtype != np.int8
            or not 1 <= num_images <= MAX_EXAMPLES
            or ends[-1] != len(self._thumbnails)
        ):
            raise CorruptArtifact("the examples do not belong together, or not to this model")
        self._ends = ends
        self._lengths = np.concatenate([np.linalg.norm(rows, axis=1) for rows in self._chunks()])

    def nearest(self, embedding: Floats, count: int) -> list[Similar]:
        """Find the pictures whose features have the smallest angle with others, nearest first.

        Args:
            embedding: float32 [channels].
            count: of pictures; all where there are fewer.
        """
        products = np.concatenate([rows @ embedding for rows in self._chunks()])
        similarities = products / np.maximum(self._lengths * np.linalg.norm(embedding), np.finfo(np.float32).tiny)
        best = np.argsort(-similarities, kind="stable")[:count]
        return [Similar(self.example(int(number)), float(similarities[number])) for number in best]

    def example(self, number: int) -> Example:
        """Return one of the pictures."""
        record = self._records[number]
        thumbnail = self._thumbnails[int(self._ends[number]) : int(self._ends[number + 1])]
        return Example(record["label"], record["source"], thumbnail)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._records)

    def _chunks(self) -> Iterator[Floats]:
        starts = range(0, len(self._records), _CHUNK)
        return (self._features[start : start + _CHUNK].astype(np.float32) for start in starts)


def write_index(folder: Path, examples: Sequence[Example], embeddings: Floats) -> None:
    """Write the three files.

    Args:
        folder: which is there.
        examples: at least one.
        embeddings: float32 [N, channels].
    """
    scale = 127 / np.maximum(np.abs(embeddings).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    np.save(folder / FEATURES, np.rint(embeddings * scale).astype(np.int8), allow_pickle=False)
    (folder / THUMBNAILS).write_bytes(b"".join(example.thumbnail for example in examples))
    records = [
        {"label": each.label, "source": each.source, "thumbnail_bytes": len(each.thumbnail)} for each in examples
    ]
    (folder / RECORDS).write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
