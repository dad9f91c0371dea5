"""Bodies that are compressed (RFC 9110, section 8.4): unpacked within a limit, and packed where the client asks."""

from __future__ import annotations

import gzip
import zlib

from server.request_errors import RequestError, UnsupportedMediaType, UploadTooLarge

CODINGS = ("gzip", "deflate")
LEVEL = 1  # probabilities hardly shrink more with a higher one
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def unpack(body: bytes | bytearray | memoryview, coding: str, *, max_bytes: int) -> bytes:
    """Unpack a body.

    Args:
        body: as it came.
        coding: its Content-Encoding; one of CODINGS.
        max_bytes: that it may have unpacked.

    Raises:
        UnsupportedMediaType: the coding is another.
        UploadTooLarge: it has more bytes.
        RequestError: it is not of that coding, or ends too soon.
    """
    coding = coding.strip().lower()
    if coding not in CODINGS:
        raise UnsupportedMediaType(f"the Content-Encoding may be {' or '.join(CODINGS)}, got {coding[:40]!r}")
    unpacker = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error:
        raise RequestError(f"the body is not {coding}, which its Content-Encoding says") from None
    if len(unpacked) > max_bytes:
        raise UploadTooLarge(f"the request body may have at most {max_bytes} bytes once it is unpacked, it has more")
    if not unpacker.eof:
        raise RequestError(f"the body ends before its {coding} does")
    if unpacker.unused_data:
        raise RequestError(f"{len(unpacker.unused_data)} bytes follow the {coding} of the body")
    return unpacked


def accepted_coding(header: str) -> str | None:
    """Choose a coding that an Accept-Encoding header names; None: the body is to stay as it is."""
    for item in header.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in CODINGS and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return coding.strip()
    return None


def pack(body: bytes, coding: str) -> bytes:
    """Pack a body."""
    return gzip.compress(body, LEVEL, mtime=0) if coding == "gzip" else zlib.compress(body, LEVEL)
