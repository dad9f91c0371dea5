"""Bodies that are compressed (RFC 9110, section 8.4): unpacked within a limit, and packed where the client asks."""

from __future__ import annotations

import gzip
import zlib

from server.request_errors import RequestError, UnsupportedMediaType, UploadTooLarge

CODINGS = ("gzip", "deflate")
GZIP_BEGINS = b"\x1f\x8b"
MAX_MEMBERS = 1000  # of a gzip, each of which costs Python a few µs and a copy of what was read with its end
PIECE_BYTES = 2**16  # that are unpacked at a time
LEVEL = 1  # probabilities hardly shrink more with a higher one
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def unpack(body: bytes | bytearray | memoryview, coding: str, *, max_bytes: int) -> bytearray:
    """Unpack a body: one stream, or as many members as a gzip has (RFC 1952, section 2.2).

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
    unpacked, rest = bytearray(), memoryview(body)
    for _ in range(MAX_MEMBERS):
        rest = _unpack_stream(rest, coding, unpacked, max_bytes=max_bytes)
        if not rest:
            return unpacked
        if coding != "gzip" or rest[: len(GZIP_BEGINS)] != GZIP_BEGINS:
            raise RequestError(f"{len(rest)} bytes follow the {coding} of the body")
    raise RequestError(f"the gzip of the body may have at most {MAX_MEMBERS:,} members, it has more")


def _unpack_stream(packed: memoryview, coding: str, unpacked: bytearray, *, max_bytes: int) -> memoryview:
    """Add what a stream holds to what is unpacked, and return what follows it; errors are those of `unpack`."""
    unpacker, num_read = zlib.decompressobj(_WINDOW_BITS[coding]), 0
    while num_read < len(packed) and not unpacker.eof:
        piece = packed[num_read : num_read + PIECE_BYTES]
        num_read += len(piece)
        try:
            unpacked += unpacker.decompress(piece, max_bytes + 1 - len(unpacked))
        except zlib.error:
            raise RequestError(f"the body is not {coding}, which its Content-Encoding says") from None
        if len(unpacked) > max_bytes:
            raise UploadTooLarge(
                f"the request body may have at most {max_bytes} bytes once it is unpacked, it has more"
            )
    if not unpacker.eof:
        raise RequestError(f"the body ends before its {coding} does")
    return packed[num_read - len(unpacker.unused_data) :]


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
