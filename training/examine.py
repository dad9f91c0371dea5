"""Looks at each image file once: whether it can be decoded, its digest, its size, and a thumbnail to find copies by."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.errors import CorruptImage, EmptyImage, ImageError, ImageTooLarge
from models.pixels.formats import identify
from models.pixels.preprocessing import PixelSpec, preprocess
from models.runtime.cores import available_cores
from training.copies import THUMBNAIL_PX, Thumbnails
from training.file_tree import File
from training.known_photos import KnownPhotos
from training.photo import Photo, is_served, photos_allowed, upright_size
from training.survey import LeftOut

log = logging.getLogger(__name__)

_THUMBNAIL = PixelSpec(THUMBNAIL_PX, THUMBNAIL_PX, fit="stretch")
_KINDS: dict[type[Exception], str] = {
    EmptyImage: "empty files",
    CorruptImage: "broken images",
    ImageTooLarge: "images of more pixels than max_image_pixels",
    OSError: "files that cannot be read",
}
_NOT_IMAGES, _HEIC = (
    "files that are no images",
    "HEIC images, which make train HEIF=1 (or pip install pillow-heif) reads",
)
_EXPLAINED = frozenset(_KINDS.values()) - {_KINDS[EmptyImage]}
_REPORT_EVERY_S = 10.0


@dataclass(slots=True)
class Examined:
    """What was found in some files.

    Attributes:
        photos: of each file, in order; None for one that is left out.
        thumbnails: uint8 [N, THUMBNAIL_PX, THUMBNAIL_PX, 3], of each file.
        left_out: files that are none, or cannot be used, by kind.
    """

    photos: list[Photo | None]
    thumbnails: Thumbnails
    left_out: list[LeftOut]


def examine(files: Sequence[File], max_pixels: int, known: KnownPhotos | None = None) -> Examined:
    """Read and decode every file, several at once.

    Args:
        files: of any kind.
        max_pixels: of an image; one that has more is left out.
        known: what was found before, which need not be read again, and is kept up to date.
    """
    thumbnails = np.empty((len(files), THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)
    photos: list[Photo | None] = []
    refused: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    report_s = time.monotonic() + _REPORT_EVERY_S
    with photos_allowed(max_pixels) as limits, ThreadPoolExecutor(available_cores()) as pool:

        def look(file: File, thumbnail: Thumbnails) -> Photo | Exception:
            if known and (photo := known.find(file, max_pixels, thumbnail)):
                return photo
            try:
                content = file.read(lambda head: identify(head) if head else None)
                preprocess(content, _THUMBNAIL, limits=limits, out=thumbnail)
                size = upright_size(content)
            except (ImageError, OSError) as error:
                return error
            return Photo(
                file, hashlib.sha256(content).hexdigest(), size, None if is_served(content, size) else max_pixels
            )

        for index, found in enumerate(pool.map(look, files, thumbnails)):
            photos.append(found if isinstance(found, Photo) else None)
            if not isinstance(found, Photo):
                refused[_kind(found)].append((files[index].path, str(found)))
            if time.monotonic() > report_s:
                report_s = time.monotonic() + _REPORT_EVERY_S
                log.info("looked at %d of %d files", index + 1, len(files))
    if known:
        kept = [index for index, photo in enumerate(photos) if photo]
        known.keep([photo for photo in photos if photo], thumbnails[kept])
    left_out = [
        LeftOut.of(kind, [path for path, _ in found], found[0][1] if kind in _EXPLAINED else "")
        for kind, found in refused.items()
    ]
    return Examined(photos, thumbnails, left_out)


def _kind(error: Exception) -> str:
    if "is a HEIC image" in str(error):
        return _HEIC
    return next((kind for of, kind in _KINDS.items() if isinstance(error, of)), _NOT_IMAGES)


def thumbnail_of(content: bytes) -> Thumbnails:
    """Return the thumbnail, uint8 [THUMBNAIL_PX, THUMBNAIL_PX, 3], of an encoded image that a server would accept."""
    return preprocess(content, _THUMBNAIL)


def tree_sha256(photos: Iterable[Photo]) -> str:
    """Return a digest of the paths and the bytes of images, in hex."""
    digest = hashlib.sha256()
    for photo in sorted(photos, key=lambda photo: photo.file.path):
        # A name need not be UTF-8.
        digest.update(photo.sha256.encode() + b"  " + os.fsencode(photo.file.path) + b"\n")
    return digest.hexdigest()
