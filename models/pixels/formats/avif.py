"""Reads AVIF (ISO 23008-12 with AV1): makes a file of the one picture that is shown.

The decoder takes the size that the coded picture announces, whatever its container says, and decodes as many frames as
there are until it has one to show.
"""

from __future__ import annotations

from models.pixels.formats.av1 import read_picture
from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.heif_items import Items
from models.pixels.formats.heif_pictures import Codec, find_pictures, meta_box
from models.pixels.formats.heif_writer import write_heif

_AV1 = Codec("AVIF", b"av01", b"av1C", read_picture)


def read(data: bytes) -> EncodedImage:
    """Read the meta box, and every item that belongs to the primary picture or its transparency.

    AVIF is turned by its own properties (irot, imir), which Pillow hands out as an orientation; EXIF may not turn it
    (ISO 23008-12, A.2.4). Of a sequence the still picture is taken.
    """
    items = Items(data, meta_box(data, "AVIF"))
    pictures = find_pictures(items, _AV1, len(data))
    return EncodedImage(
        format="AVIF",
        size=pictures.size,
        data=write_heif(items, pictures.items, brands=b"avifmif1avifmiaf"),
        cost=pictures.cost,
    )
