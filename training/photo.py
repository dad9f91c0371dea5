"""Reads one photo for training, where it may have more pixels than a server accepts: 50 to 200 megapixels are usual."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from models.files.file_tree import File
from models.pixels.formats import identify, read_encoded
from models.pixels.formats.exif import read_orientation
from models.pixels.preprocessing import PixelSpec, preprocess
from models.pixels.spec import MAX_TARGET_PX, ImageLimits
from training.survey import Size

_SERVED = ImageLimits()
_SERVED_PIXELS = 30_000_000  # of any format
_BYTES_A_PIXEL = 6  # of three samples of 16 bits: nothing that is written by a camera takes more
_DECODED_BYTES_A_PIXEL = 32
_MAX_CPU_S = 600.0
_JPEG_QUALITY = 95
_SIDEWAYS = (5, 6, 7, 8)
_pillow_limit = threading.RLock()


@dataclass(frozen=True, slots=True)
class Photo:
    """An image file that can be decoded.

    Attributes:
        file: where it lies.
        sha256: of its bytes, in hex.
        size: width and height in pixels, upright.
        max_pixels: what it was let in with; None where a server lets it in as it is.
    """

    file: File
    sha256: str
    size: Size
    max_pixels: int | None

    def read(self) -> bytes:
        """Return its bytes; of one that a server refuses for its size, those of a smaller one.

        Raises:
            OSError: it cannot be read any more, or is another one now.
        """
        content = self.file.read()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise OSError("it was changed after the look")
        return content if self.max_pixels is None else scaled_to_serve(content, self.max_pixels)


def read_again(photo: Photo, source: Path) -> bytes:
    """Return the bytes of a photo that was looked at before, as `Photo.read`.

    Raises:
        OSError: it is gone or was changed; says what to do.
    """
    try:
        return photo.read()
    except OSError as error:
        why = str(error.strerror or error)
        raise OSError(
            f"{photo.file.path} in {source} cannot be read any more ({why}): put it back as it was, and give the same "
            "command again; to do without it, train in another --workdir"
            if is_there(source)
            else gone(source)
        ) from error


def is_there(source: Path) -> bool:
    """Tell whether a data set can be reached; a network drive that is lost is no file that is missing."""
    try:
        source.stat()
    except OSError:
        return False
    return True


def gone(source: Path) -> str:
    """Say that a whole data set is not there any more."""
    return (
        f"{source} is not there any more: put it, or the disk or network drive that it is on, back, and give the same "
        "command again"
    )


@contextmanager
def photos_allowed(max_pixels: int) -> Iterator[ImageLimits]:
    """Let Pillow open photos of `max_pixels` without a warning; what others open meanwhile is not held to less.

    Yields:
        Limits for `preprocess`.
    """
    with _pillow_limit:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(max_pixels, before or 0)
        try:
            yield ImageLimits(
                max_bytes=max_pixels * _BYTES_A_PIXEL,
                max_pixels=max_pixels,
                max_cpu_s=_MAX_CPU_S,
                max_memory_bytes=max_pixels * _DECODED_BYTES_A_PIXEL,
            )
        finally:
            Image.MAX_IMAGE_PIXELS = before


def upright_size(photo: bytes) -> tuple[int, int]:
    """Return width and height of an image that can be decoded, as it is looked at."""
    encoded = read_encoded(photo, identify(photo))
    size, orientation = encoded.size, encoded.orientation
    if orientation is None:
        with Image.open(BytesIO(encoded.data), formats=(encoded.format,)) as image:
            size = image.size
            orientation = read_orientation(image.info.get("exif", b""), image.info.get("xmp", b""))
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def is_served(photo: bytes, size: tuple[int, int]) -> bool:
    """Tell whether a server accepts a photo of this width and height by default."""
    return len(photo) <= _SERVED.max_bytes and size[0] * size[1] <= _SERVED_PIXELS


def scaled_to_serve(photo: bytes, max_pixels: int) -> bytes:
    """Scale a photo down as its owner would have to before a server accepts it; one at a time, for its memory."""
    with photos_allowed(max_pixels) as limits:
        width, height = upright_size(photo)
        scale = min(1.0, MAX_TARGET_PX / max(width, height))
        spec = PixelSpec(max(1, round(height * scale)), max(1, round(width * scale)), fit="stretch")
        pixels = preprocess(photo, spec, limits=limits)
    scaled = io.BytesIO()
    Image.fromarray(pixels).save(scaled, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return scaled.getvalue()
