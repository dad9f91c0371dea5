"""What stands before Pillow: names an upload's format, reads its size and orientation, leaves out what is not picture.

Pillow reads all metadata that it meets, and strangers choose that metadata. A few bytes of it can cost minutes (EXIF
segments that it joins quadratically, PNG text that unpacks a thousandfold, TIFF with a million strips), and broken
EXIF makes it call `warnings.warn`, which cannot be silenced for one thread alone. So each reader here walks the
container once, in bounded time, and hands on a smaller one: the same picture, one frame, nothing else.
"""

from __future__ import annotations

from models.pixels.formats import avif, bmp, gif, jpeg, png, tiff, webp
from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.signature import ACCEPTED_FORMATS, identify

__all__ = ["ACCEPTED_FORMATS", "EncodedImage", "identify", "read_encoded"]

_READERS = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "WEBP": webp.read,
    "GIF": gif.read,
    "BMP": bmp.read,
    "TIFF": tiff.read,
    "AVIF": avif.read,
}


def read_encoded(upload: bytes, image_format: str) -> EncodedImage:
    """Read one image's container; no pixel is decoded.

    Args:
        upload: the whole file.
        image_format: what `identify` made of it.

    Raises:
        CorruptImage: the container is broken, or of a shape that only an attack has.
        IndexError, ValueError, struct.error: the container ends too early or lies; the caller gives these a name.
    """
    return _READERS[image_format](upload)
