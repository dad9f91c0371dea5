"""Decodes the golden pictures rightly and as programs elsewhere do by mistake."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image

from models.pixels.fitting import FIRST_SIDEWAYS, TURNS, jpeg_reduction, source_box
from models.pixels.formats import EncodedImage, identify, jpeg, read_encoded
from models.pixels.preprocessing import PixelSpec
from models.portable.golden import decoded_pixels, encoded_bytes


@cache
def is_turned(name: str) -> bool:
    """Tell whether a golden picture has an EXIF orientation that turns it."""
    return (_encoded(name).orientation or 1) in TURNS


@cache
def is_transparent(name: str) -> bool:
    """Tell whether a golden picture has transparent pixels."""
    return bool(Image.open(BytesIO(encoded_bytes(name))).has_transparency_data)


@cache
def reduction_of(name: str, spec: PixelSpec) -> int:
    """Return by how much a golden picture shrinks in decoding: 1, but for JPEGs much larger than the spec."""
    encoded = _encoded(name)
    if encoded.format != "JPEG":
        return 1
    is_sideways = (encoded.orientation or 1) >= FIRST_SIDEWAYS
    target = (spec.height_px, spec.width_px) if is_sideways else (spec.width_px, spec.height_px)
    return jpeg_reduction(source_box(encoded.size, target, spec), target)


@cache
def read_picture(name: str, *, reduction: int = 1, turned: bool = True, background: str = "white") -> Image.Image:
    """Decode a golden picture into mode "RGB".

    Args:
        name: of its file.
        reduction: by which a JPEG shrinks in decoding.
        turned: whether it is turned upright.
        background: a color that transparent pixels are put on; "" for none.
    """
    if background != "white" and is_transparent(name):
        whole = Image.open(BytesIO(encoded_bytes(name))).convert("RGBA")
        if not background:
            return whole.convert("RGB")
        picture = Image.new("RGB", whole.size, background)
        picture.paste(whole, mask=whole)
        return picture
    encoded = _encoded(name)
    if encoded.format != "JPEG":
        return Image.fromarray(decoded_pixels(name))
    picture = jpeg.decode(encoded, reduction).convert("RGB")
    return picture.transpose(TURNS[encoded.orientation or 1]) if turned and is_turned(name) else picture


@cache
def _encoded(name: str) -> EncodedImage:
    data = encoded_bytes(name)
    return read_encoded(data, identify(data))
