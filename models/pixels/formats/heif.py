"""Reads HEIC (ISO 23008-12 with HEVC), where pillow-heif is installed: makes a file of the one picture that is shown.

libheif takes whatever size a stream of a few bytes announces, up to a gigapixel, and decodes as many tiles and pictures
as there are. So what is handed on has only those items that make the picture, of which each has been looked into.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from PIL import Image

from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.heif_items import Items
from models.pixels.formats.heif_pictures import Codec, find_pictures, meta_box
from models.pixels.formats.heif_writer import write_heif
from models.pixels.formats.hevc import read_picture

IS_INSTALLED = importlib.util.find_spec("pillow_heif") is not None  # which is imported for the first image

_HEVC = Codec("HEIC", b"hvc1", b"hvcC", read_picture)


def read(data: bytes) -> EncodedImage:
    """Read the meta box, and every item that belongs to the primary picture or its transparency."""
    items = Items(data, meta_box(data, "HEIC"))
    pictures = find_pictures(items, _HEVC, len(data))
    return EncodedImage(
        format="HEIC",
        size=pictures.size,
        data=write_heif(items, pictures.items, brands=b"heicmif1heicheix"),
        orientation=1,  # libheif turns the picture as irot and imir say, and EXIF may not
        cost=pictures.cost,
    )


def decode(encoded: EncodedImage) -> Image.Image:
    """Decode the picture that `read` has left; 10 and 12 bits a sample become 8.

    Raises:
        ValueError, EOFError, RuntimeError, OSError: it is broken.
    """
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # requests run side by side already
    picture: Any = pillow_heif.open_heif(encoded.data)[0]
    data = picture.data  # the size may be another once it is decoded
    return Image.frombuffer(picture.mode, picture.size, data, "raw", picture.mode, picture.stride, 1)
