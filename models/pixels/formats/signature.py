"""Names the format of an upload by its first bytes, and says helpfully what is not accepted."""

from __future__ import annotations

from PIL import AvifImagePlugin, TiffImagePlugin

from models.errors import UnsupportedImage

ACCEPTED_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF") + (
    ("AVIF",) if AvifImagePlugin.SUPPORTED else ()
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


def identify(upload: bytes) -> str:
    """Return the one of `ACCEPTED_FORMATS` that the upload's first bytes announce.

    Raises:
        UnsupportedImage: none of them; the message names what it looks like, where known, and what is accepted.
    """
    head = upload[:512]
    found = next((name for prefix, name in _SIGNATURES if head.startswith(prefix)), None)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        found = "WEBP"
    if found is None and head[4:8] == b"ftyp" and _brands(head) & _AVIF_BRANDS:
        found = "AVIF"
    if found in ACCEPTED_FORMATS:
        return found
    accepted = f"accepted are {', '.join(ACCEPTED_FORMATS)}"
    description = found or _describe(head)
    if description is None:
        raise UnsupportedImage(f"the upload is not an image of a known format; {accepted}")
    raise UnsupportedImage(f"the upload is {description}, which is not accepted; {accepted}")


def _brands(head: bytes) -> set[bytes]:
    """The major and compatible brands of an ISO base media file (ISO 14496-12, 4.3)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, end, 4))}


def _describe(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return "a HEIC image" if _brands(head) & _HEIF_BRANDS else "a video"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for prefix, name in _NOT_ACCEPTED:
        if head.startswith(prefix) or text.startswith(prefix):
            return "an SVG drawing" if b"<svg" in text else name
    return None
