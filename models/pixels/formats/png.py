"""Reads PNG (W3C PNG, third edition): keeps header, palette, transparency and the still picture."""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats.encoded import Cost, EncodedImage
from models.pixels.formats.exif import read_orientation

_SIGNATURE_BYTES = 8
_GRAYSCALE, _TRUECOLOUR, _PALETTE, _GRAYSCALE_ALPHA, _TRUECOLOUR_ALPHA = 0, 2, 3, 4, 6
_NUM_SAMPLES = {_GRAYSCALE: 1, _TRUECOLOUR: 3, _PALETTE: 1, _GRAYSCALE_ALPHA: 2, _TRUECOLOUR_ALPHA: 4}
# Of a pixel as Pillow keeps it, and of what it is converted to; transparency adds a picture on white.
_PIXEL_BYTES = {_GRAYSCALE: 2, _TRUECOLOUR: 4, _PALETTE: 5, _GRAYSCALE_ALPHA: 12, _TRUECOLOUR_ALPHA: 8}
_DEEP_GRAY_BYTES, _TRANSPARENCY_BYTES = 6, 8
# Measured with 8 megapixels, flat and noisy: a pixel with what makes it gray or RGB, and its composition onto white; a
# byte of its samples, and an encoded byte.
_NS_A_PIXEL = {_GRAYSCALE: 4, _TRUECOLOUR: 3, _PALETTE: 8, _GRAYSCALE_ALPHA: 14, _TRUECOLOUR_ALPHA: 4}
_NS_A_TRANSPARENT_PIXEL, _NS_AN_INTERLACED_PIXEL, _NS_A_RAW_BYTE, _NS_A_BYTE = 14, 5, 5, 35
# More bytes than samples are blocks of codes that stand for nothing or next to it, as no encoder writes them.
_NS_A_SURPLUS_BYTE = 150
# Each is a turn of a loop in Python. A 20 MB file in libpng's pieces of 8 KB has 2,500.
_MAX_SMALL_CHUNKS, _BYTES_A_CHUNK = 1024, 1024
_MAX_TEXT_BYTES = 1024**2
_APPLE = b"CgBI"  # Xcode puts it before what it has changed, which is no valid PNG
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_HEXADECIMAL = re.compile(rb"(?:[0-9a-fA-F]{2})*")
_EXIF_KEYWORD = b"Raw profile type exif"  # ImageMagick's, before there was eXIf


class _Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    checksum: bytes

    def encoded(self) -> bytes:
        return b"".join((len(self.body).to_bytes(4, "big"), self.kind, self.body, self.checksum))


def read(data: bytes) -> EncodedImage:
    """Walk all chunks; of an animation the still picture of the IDAT chunks is left."""
    chunks = list(_chunks(data))
    if chunks and chunks[0].kind == _APPLE:
        raise UnsupportedImage("the PNG image is in a form of Apple's (CgBI), which is not accepted; save it as PNG")
    kept: dict[bytes, _Chunk] = {}
    for chunk in itertools.takewhile(lambda chunk: chunk.kind != b"IDAT", chunks):
        if chunk.kind in (b"IHDR", b"PLTE", b"tRNS"):
            kept.setdefault(chunk.kind, chunk)
    picture = [chunk.body for chunk in chunks if chunk.kind == b"IDAT"]
    if b"IHDR" not in kept or not picture:
        raise CorruptImage("the PNG image is truncated before its picture")
    width, height, bits, colour_type, _, _, is_interlaced = struct.unpack_from(">IIBBBBB", kept[b"IHDR"].body)
    if b"tRNS" in kept:
        kept[b"tRNS"] = _scale_transparency(kept[b"tRNS"], bits, colour_type)
    # One IDAT chunk in place of many, each of which Pillow would handle in Python.
    written = (*kept.values(), _new_chunk(b"IDAT", b"".join(picture)), _new_chunk(b"IEND", b""))
    if colour_type not in _NUM_SAMPLES:
        raise CorruptImage(f"the PNG image is corrupt: it has the colour type {colour_type}")
    raw_bytes = height * -(-width * _NUM_SAMPLES[colour_type] * bits // 8)
    num_bytes = sum(map(len, picture))
    pixel_ns = _NS_A_PIXEL[colour_type] + _NS_A_TRANSPARENT_PIXEL * (b"tRNS" in kept)
    pixel_ns += _NS_AN_INTERLACED_PIXEL * (is_interlaced > 0)
    cost_ns = pixel_ns * width * height + _NS_A_RAW_BYTE * raw_bytes + _NS_A_BYTE * num_bytes
    cost_ns += _NS_A_SURPLUS_BYTE * max(0, num_bytes - 2 * raw_bytes - height)
    is_deep_gray = colour_type == _GRAYSCALE and bits > 8
    pixel_bytes = _PIXEL_BYTES[colour_type] + _DEEP_GRAY_BYTES * is_deep_gray + _TRANSPARENCY_BYTES * (b"tRNS" in kept)
    return EncodedImage(
        format="PNG",
        size=(width, height),
        cost=Cost(cost_ns / 1e9, width * height * pixel_bytes),
        is_plain=True,
        data=data[:_SIGNATURE_BYTES] + b"".join(chunk.encoded() for chunk in written),
        orientation=_orientation(chunks),
    )


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to IEND, and only the first run of IDAT chunks.

    The file may break off once the picture has begun: only the decoder knows whether all of it is there.
    """
    view = memoryview(data)
    position = _SIGNATURE_BYTES
    last_kind = b""
    is_picture_over = False
    max_chunks = _MAX_SMALL_CHUNKS + len(data) // _BYTES_A_CHUNK
    for _ in range(max_chunks):
        header = data[position : position + 8]
        kind = header[4:]
        if len(header) < 8 or kind == b"IEND" or not kind.isalnum():
            return
        end = position + 8 + int.from_bytes(header[:4], "big")
        if end > len(data) and kind != b"IDAT":
            return
        is_picture_over |= last_kind == b"IDAT" != kind
        if not (is_picture_over and kind == b"IDAT"):
            yield _Chunk(kind, view[position + 8 : end], data[end : end + 4])
        last_kind = kind
        position = end + 4
    raise CorruptImage(f"the PNG image is corrupt: more than {max_chunks} chunks in {len(data):,} bytes")


def _new_chunk(kind: bytes, body: bytes) -> _Chunk:
    return _Chunk(kind, memoryview(body), zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"))


def _scale_transparency(chunk: _Chunk, bits: int, colour_type: int) -> _Chunk:
    """Scale the transparent colour to the depth of the pixels that Pillow compares it with.

    Pillow widens 2 and 4 bits to 8 and narrows 16-bit colours to 8, but leaves tRNS as it stands.
    """
    samples = [int.from_bytes(chunk.body[i : i + 2], "big") for i in range(0, len(chunk.body), 2)]
    if colour_type == _GRAYSCALE and bits in (2, 4):
        samples = [(sample & (2**bits - 1)) * 255 // (2**bits - 1) for sample in samples]
    elif colour_type == _TRUECOLOUR and bits == 16:
        samples = [sample >> 8 for sample in samples]
    else:
        return chunk
    return _new_chunk(chunk.kind, b"".join(sample.to_bytes(2, "big") for sample in samples))


def _orientation(chunks: list[_Chunk]) -> int:
    """Read the orientation from the first eXIf, else ImageMagick's text, else XMP."""
    metadata: dict[bytes, bytes] = {}
    for chunk in chunks:
        if chunk.kind == b"eXIf":
            metadata.setdefault(chunk.kind, bytes(chunk.body))
        elif chunk.kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, text = bytes(chunk.body[: 2 * _MAX_TEXT_BYTES]).partition(b"\0")
            reader = _TEXT_READERS.get((chunk.kind, keyword))
            if reader is not None and keyword not in metadata:
                metadata[keyword] = reader(text)
    return read_orientation(metadata.get(b"eXIf") or metadata.get(_EXIF_KEYWORD, b""), metadata.get(_XMP_KEYWORD, b""))


def _xmp_packet(text: bytes) -> bytes:
    is_compressed = text[:1] == b"\1"
    packet = text[2:].split(b"\0", 2)[-1]  # after the language and the translated keyword
    return _inflate(packet) if is_compressed else packet


def _exif_block(text: bytes) -> bytes:
    """Decode the hexadecimal that follows an empty line, a name and a length."""
    digits = b"".join(text.split(b"\n")[3:])
    return bytes.fromhex(digits.decode("ascii")) if _HEXADECIMAL.fullmatch(digits) else b""


def _inflate(data: bytes) -> bytes:
    """Unpack up to `_MAX_TEXT_BYTES`; return nothing if the data is no zlib stream."""
    try:
        return zlib.decompressobj().decompress(data, _MAX_TEXT_BYTES)
    except zlib.error:
        return b""


_TEXT_READERS: dict[tuple[bytes, bytes], Callable[[bytes], bytes]] = {
    (b"iTXt", _XMP_KEYWORD): _xmp_packet,
    (b"tEXt", _EXIF_KEYWORD): _exif_block,
    (b"zTXt", _EXIF_KEYWORD): lambda text: _exif_block(_inflate(text[1:])),
}
