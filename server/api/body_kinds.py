"""Tells what a body is by how it begins, so that a client which calls it something else learns what to call it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.errors import UnsupportedImage
from models.pixels.formats import identify
from server.api.base64_text import WHERE_IT_MAY_GO, is_base64_text
from server.request_errors import UnsupportedMediaType

JSON_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,99}\{")  # as no picture does
# The first line has the boundary, of up to 70 of these characters (RFC 2046, section 5.1.1).
_FORM_BEGINS = re.compile(rb"(?:\r\n)?--([0-9A-Za-z'()+_,./:=?-]{1,70})\r\n[^\r\n]{0,999}form-data;", re.IGNORECASE)
_PICTURE_BEGINS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # JPEG and PNG, as nothing else does
_HEAD_BYTES = 2048  # that tell a kind

PICTURE, JSON, FORM = "a picture", "JSON", "a form"


def check_kind(body: bytes | bytearray, expected: str) -> None:
    """Raise UnsupportedMediaType where a body is of another kind than its Content-Type says, and say how it goes.

    Args:
        body: of the request.
        expected: PICTURE, JSON or FORM.
    """
    if expected == PICTURE and body.startswith(_PICTURE_BEGINS):
        return
    for kind, message in _kinds(bytes(memoryview(body)[:_HEAD_BYTES])):
        if kind != expected:
            raise UnsupportedMediaType(message)
        return


def _kinds(head: bytes) -> Iterator[tuple[str, str]]:
    """Yield what a body may be: the kind, and what to tell who took it for another."""
    if JSON_BEGINS.match(head):
        yield JSON, 'the body is JSON: send it with "Content-Type: application/json"'
    if form := _FORM_BEGINS.match(head):
        boundary = form[1].decode("ascii")
        yield FORM, f'the body is a form: send it with "Content-Type: multipart/form-data; boundary={boundary}"'
    if is_base64_text(head):
        yield "base64", f"the body is base64, not a picture: {WHERE_IT_MAY_GO}"
    try:
        name = identify(head)
    except UnsupportedImage:
        return
    yield PICTURE, f'the body is a picture ({name}): send it with "Content-Type: image/{name.lower()}"'
