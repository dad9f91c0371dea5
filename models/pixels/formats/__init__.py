"""Stands before Pillow: identifies an upload's format, reads its size and orientation, drops all that is not picture.

Pillow reads all metadata that it meets, and strangers choose that metadata. A few bytes of it can cost minutes (EXIF
segments that it joins quadratically, PNG text that unpacks a thousandfold, TIFF with a million strips), and broken
EXIF makes it call `warnings.warn`, which cannot be silenced for one thread alone. So each reader here walks the
container once, in bounded time, and hands on a smaller one: the same picture, one frame, nothing else.
"""

from __future__ import annotations

from PIL import AvifImagePlugin, TiffImagePlugin

from models.errors import UnsupportedImage
from models.pixels.formats import avif, bmp, gif, heif, jpeg, png, raw, tiff, webp
from models.pixels.formats.encoded import EncodedImage

__all__ = ["ACCEPTED_FORMATS", "EncodedImage", "identify", "read_encoded"]

ACCEPTED_FORMATS: tuple[str, ...] = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"),
    *(("AVIF",) if AvifImagePlugin.SUPPORTED else ()),
    *(("HEIC",) if heif.IS_INSTALLED else ()),
)

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    *((prefix, "TIFF") for prefix in TiffImagePlugin.PREFIXES),
)

_NOT_ACCEPTED: tuple[tuple[bytes, str], ...] = (
    *raw.SIGNATURES,
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML document, perhaps an SVG drawing"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"qoif", "a QOI image"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"%!PS", "a PostScript document"),
    (b"\x1a\x45\xdf\xa3", "a video"),
)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

_READERS = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "WEBP": webp.read,
    "GIF": gif.read,
    "BMP": bmp.read,
    "TIFF": tiff.read,
    "AVIF": avif.read,
    "HEIC": heif.read,
}


def identify(upload: bytes) -> str:
    """Return the one of `ACCEPTED_FORMATS` that the upload's first bytes announce.

    Raises:
        UnsupportedImage: none of them; the message names what it looks like, where known, and what is accepted.
    """
    head = upload[:512]
    name = next((name for prefix, name in _SIGNATURES if head.startswith(prefix)), None)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        name = "WEBP"
    if name is None and head[4:8] == b"ftyp":
        brands = _brands(head)
        name = "AVIF" if brands & _AVIF_BRANDS else "HEIC" if brands & _HEIF_BRANDS else "a video"
        name = "a raw photo (CR3)" if brands & raw.RAW_BRANDS else name
    if name in ACCEPTED_FORMATS:
        return name
    if name is None:
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        kinds = (kind for prefix, kind in _NOT_ACCEPTED if head.startswith(prefix) or text.startswith(prefix))
        if (name := next(kinds, None)) and b"<svg" in text:
            name = "an SVG drawing"
    accepted = f"accepted are {', '.join(ACCEPTED_FORMATS)}"
    if name is None:
        raise UnsupportedImage(f"the upload is not an image of a known format; {accepted}")
    if name == "HEIC":
        how = "which is read where pillow-heif is installed (pip install pillow-heif, or make serve HEIF=1)"
        raise UnsupportedImage(f"the upload is a HEIC image, {how}; {accepted}")
    if name.startswith("a raw photo"):
        raise UnsupportedImage(f"the upload is {name}, which is not accepted: {raw.WHAT_TO_DO}; {accepted}")
    raise UnsupportedImage(f"the upload is {name}, which is not accepted; {accepted}")


def _brands(head: bytes) -> set[bytes]:
    """Read the major and compatible brands of an ISO base media file (ISO 14496-12, 4.3)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}


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
