"""Keeps what was found in photos, so that a run that goes on, or another one of the same data, need not decode them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.files.file_tree import File
from models.store.durable import replacing, temporary_sibling
from training.copies import Thumbnails
from training.photo import Photo

VERSION = 2  # of what is found in a photo


class KnownPhotos:
    """The photos of a data set that could be decoded; each is known by its path, its size and its time.

    Args:
        folder: where the file is that keeps them; None to know none, and to keep none.
        source: the data set.
    """

    def __init__(self, folder: Path | None, source: Path) -> None:
        self._path = None
        self._arrays: dict[str, Any] = {"keys": []}
        if folder is not None:
            name = hashlib.sha256(repr((VERSION, str(source.resolve()))).encode()).hexdigest()[:16]
            self._path = folder / f"photos-{name}.npz"
            try:
                with self._path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                    self._arrays = dict(arrays)
            except (OSError, ValueError, zipfile.BadZipFile):
                pass  # there is none yet, or it was damaged
        self._index = {key: index for index, key in enumerate(list(self._arrays["keys"]))}

    def find(self, file: File, max_pixels: int, out: Thumbnails) -> Photo | None:
        """Return a photo that is known, and write its thumbnail; None for another one.

        Args:
            file: where it lies.
            max_pixels: of a photo; one that has more is not known.
            out: uint8 [THUMBNAIL_PX, THUMBNAIL_PX, 3].
        """
        index = self._index.get(_key(file))
        if index is None or (size := tuple(self._arrays["sizes"][index].tolist()))[0] * size[1] > max_pixels:
            return None
        out[:] = self._arrays["thumbnails"][index]
        is_served = self._arrays["are_served"][index]
        return Photo(file, self._arrays["digests"][index].decode(), size, None if is_served else max_pixels)

    def keep(self, photos: Sequence[Photo], thumbnails: Thumbnails) -> None:
        """Keep these photos, and no others; nothing is written where all of them are known."""
        keys = [_key(photo.file) for photo in photos]
        if self._path is None or all(key in self._index for key in keys):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path, temporary_sibling(self._path.parent)) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                keys=np.array(keys),
                digests=np.array([photo.sha256.encode() for photo in photos]),
                sizes=np.array([photo.size for photo in photos], np.int32),
                are_served=np.array([photo.max_pixels is None for photo in photos]),
                thumbnails=thumbnails,
            )


def _key(file: File) -> bytes:
    return hashlib.sha256(repr((file.path, file.stamp)).encode()).hexdigest()[:32].encode()
