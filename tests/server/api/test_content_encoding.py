"""Compressed bodies: unpacked within a limit."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from server.api.content_encoding import PIECE_BYTES, accepted_coding, pack, unpack
from server.request_errors import RequestError, UnsupportedMediaType, UploadTooLarge

TEXT = b"photo " * 100


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_was_packed_is_unpacked(coding):
    assert unpack(pack(TEXT, coding), coding, max_bytes=len(TEXT)) == TEXT


def test_codings_are_those_of_the_standard():
    assert gzip.decompress(pack(TEXT, "gzip")) == TEXT
    assert zlib.decompress(pack(TEXT, "deflate")) == TEXT
    assert unpack(gzip.compress(TEXT), " GZip ", max_bytes=1000) == TEXT


def test_gzip_of_several_members_is_one_body():
    noise = random.Random(0).randbytes(PIECE_BYTES)  # so that a member is longer than a piece
    members = (noise, b"", TEXT, b"end")
    packed = b"".join(map(gzip.compress, members))
    assert unpack(packed, "gzip", max_bytes=PIECE_BYTES + 603) == noise + TEXT + b"end"


@pytest.mark.parametrize(
    ("body", "coding", "error", "message"),
    [
        (gzip.compress(TEXT), "br", UnsupportedMediaType, "may be gzip or deflate, got 'br'"),
        (gzip.compress(TEXT), "gzip, gzip", UnsupportedMediaType, "got 'gzip, gzip'"),
        (gzip.compress(TEXT), "deflate", RequestError, "the body is not deflate"),
        (b"hello", "gzip", RequestError, "the body is not gzip"),
        (gzip.compress(TEXT)[:-1], "gzip", RequestError, "ends before its gzip does"),
        (gzip.compress(TEXT) + b"x", "gzip", RequestError, "1 bytes follow the gzip"),
        (gzip.compress(TEXT) + gzip.compress(b"")[:-1], "gzip", RequestError, "ends before its gzip does"),
        (gzip.compress(TEXT) + gzip.compress(b"x"), "gzip", UploadTooLarge, "at most 600 bytes once it is unpacked"),
        (gzip.compress(b"") * 1001, "gzip", RequestError, "at most 1,000 members"),
        (zlib.compress(TEXT) * 2, "deflate", RequestError, "follow the deflate"),
        (gzip.compress(bytes(601)), "gzip", UploadTooLarge, "at most 600 bytes once it is unpacked"),
        (gzip.compress(bytes(10**7)), "gzip", UploadTooLarge, "at most 600 bytes once it is unpacked"),
    ],
    ids=lambda value: "body" if isinstance(value, bytes) else repr(value)[:40],
)
def test_what_cannot_be_unpacked_is_refused(body, coding, error, message):
    with pytest.raises(error, match=message):
        unpack(body, coding, max_bytes=600)


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("identity", None),
        ("br, GZIP;q=0.5", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0", None),
        ("gzip; q=0.0, deflate", "deflate"),
    ],
)
def test_coding_is_one_that_the_client_takes(header, coding):
    assert accepted_coding(header) == coding
