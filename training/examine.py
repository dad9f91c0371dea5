"""Looks at each image file once: whether it can be decoded, its digest, its size, and a thumbnail to find copies by."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.errors import CorruptImage, EmptyImage, ImageError, ImageTooLarge
from models.files.file_tree import File
from models.pixels.formats import identify
from models.pixels.formats.raw import WHAT_TO_DO
from models.pixels.preprocessing import PixelSpec, preprocess
from models.plural import how_many
from models.runtime.cores import available_cores
from training.copies import THUMBNAIL_PX, Thumbnails
from training.known_photos import KnownPhotos
from training.photo import Photo, is_served, photos_allowed, upright_size
from training.survey import Kind, LeftOut

log = logging.getLogger(__name__)

_THUMBNAIL = PixelSpec(THUMBNAIL_PX, THUMBNAIL_PX, fit="stretch")
_KINDS: dict[type[Exception], Kind] = {
    EmptyImage: Kind("empty file", "empty files"),
    CorruptImage: Kind("broken image", "broken images"),
    ImageTooLarge: Kind("image of more pixels than max_image_pixels", "images of more pixels than max_image_pixels"),
    OSError: Kind("file that cannot be read", "files that cannot be read"),
}
_NOT_IMAGES = Kind("file that is no image", "files that are no images")
_NOT_READ = Kind("file of a kind that is not read", "files of kinds that are not read")
_HEIC = Kind(
    "HEIC image, which make train HEIF=1 (or pip install pillow-heif) reads",
    "HEIC images, which make train HEIF=1 (or pip install pillow-heif) reads",
)
_RAW = Kind("raw photo of a camera", "raw photos of a camera")
_LOOKS_LIKE = re.compile("the upload is (an? [^,]+), ")
_MAX_LOOKS = 3
_REPORT_EVERY_S = 10.0


@dataclass(slots=True)
class Examined:
    """What was found in some files.

    Attributes:
        photos: of each file, in order; None for one that is left out.
        thumbnails: uint8 [N, THUMBNAIL_PX, THUMBNAIL_PX, 3], of each file.
        left_out: files that are none, or cannot be used, by kind.
        are_images: of each file, whether it is one, or may be: what is broken, too.
    """

    photos: list[Photo | None]
    thumbnails: Thumbnails
    left_out: list[LeftOut]
    are_images: list[bool]


def examine(files: Sequence[File], max_pixels: int, known: KnownPhotos | None = None) -> Examined:
    """Read and decode every file, several at once.

    Args:
        files: of any kind.
        max_pixels: of an image; one that has more is left out.
        known: what was found before, which need not be read again, and is kept up to date.
    """
    thumbnails = np.empty((len(files), THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)
    photos: list[Photo | None] = []
    are_images: list[bool] = []
    refused: defaultdict[Kind, list[tuple[str, Exception]]] = defaultdict(list)
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
            are_images.append(isinstance(found, Photo) or _is_image(found))
            if not isinstance(found, Photo):
                refused[_kind(found)].append((files[index].path, found))
            if time.monotonic() > report_s:
                report_s = time.monotonic() + _REPORT_EVERY_S
                log.info(f"looked at {index + 1:,} of {how_many(len(files), 'file')}")
    if known:
        kept = [index for index, photo in enumerate(photos) if photo]
        known.keep([photo for photo in photos if photo], thumbnails[kept])
    left_out = [
        LeftOut.of(kind, [path for path, _ in found], _reason(kind, [error for _, error in found]))
        for kind, found in refused.items()
    ]
    return Examined(photos, thumbnails, left_out, are_images)


def _kind(error: Exception) -> Kind:
    text = str(error)
    if "is a HEIC image" in text:
        return _HEIC
    if "is a raw photo" in text:
        return _RAW
    is_known = _LOOKS_LIKE.match(text) or not text.startswith("the upload")
    return next((kind for of, kind in _KINDS.items() if isinstance(error, of)), _NOT_READ if is_known else _NOT_IMAGES)


def _is_image(error: Exception) -> bool:
    """Tell whether what is refused is an image, or may be; what is known to be something else is not."""
    text = str(error)
    looks = _LOOKS_LIKE.match(text)
    is_named = looks is not None and ("image" in looks[1] or "photo" in looks[1])
    return is_named or not text.startswith("the upload is ") or isinstance(error, EmptyImage)


def _reason(kind: Kind, errors: Sequence[Exception]) -> str:
    """Say what is wrong with the first file of a kind, or what to do; nothing where the kind says it."""
    if kind == _RAW:
        return WHAT_TO_DO
    if kind in (_KINDS[EmptyImage], _HEIC, _NOT_IMAGES):
        return ""
    if kind == _NOT_READ:
        looks = (_LOOKS_LIKE.match(str(error)) for error in errors)
        texts = [look[1] if look else str(error) for look, error in zip(looks, errors, strict=True)]
        return ", ".join(list(dict.fromkeys(texts))[:_MAX_LOOKS])
    return str(getattr(errors[0], "strerror", None) or errors[0])


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
