"""Base64 in requests: decoded where it is announced, and told from a picture where it is not."""

from __future__ import annotations

import binascii
import re

from server.request_errors import RequestError

# No picture begins so: the first bytes of each accepted format are not all of this alphabet.
_BASE64_TEXT = re.compile(rb"\s{0,16}(?:data:[^,]{0,200},)?[A-Za-z0-9+/]{32}")
PIECE_CHARACTERS = 2**18  # that are decoded at a time: a millisecond, in which no other thread runs
_WHITE_SPACE = b" \t\r\n"
WHERE_IT_MAY_GO = (
    'it may stand in a text field of a form, in a part of one with "Content-Transfer-Encoding: base64", and in JSON, '
    '{"image": "<base64>"} with "Content-Type: application/json"'
)


def is_base64_text(content: bytes | bytearray | memoryview) -> bool:
    """Tell base64, and a data: URL with it, from a picture, by how they begin."""
    return _BASE64_TEXT.match(content) is not None


def decode_base64(text: str, where: str) -> bytes:
    """Decode base64 or a data: URL with it, strictly.

    Raises:
        RequestError: it is neither; begins with ``where``.
    """
    if text[:5].lower() == "data:":
        media_type, comma, text = text.partition(",")
        if not comma or not media_type.endswith(";base64"):
            raise RequestError(f"{where} must be a data: URL with base64, or base64 alone")
    pieces: list[bytes] = []
    try:
        for start in range(0, len(text), PIECE_CHARACTERS):
            if pieces and len(pieces[-1]) != PIECE_CHARACTERS // 4 * 3:
                raise ValueError("padding in the middle")
            pieces.append(binascii.a2b_base64(text[start : start + PIECE_CHARACTERS], strict_mode=True))
    except ValueError:
        raise RequestError(
            f"{where} must be base64 with the alphabet A-Z a-z 0-9 + /, padding and no line breaks"
        ) from None
    return b"".join(pieces)


def decode_base64_lines(content: bytes | bytearray | memoryview, where: str) -> bytes:
    """Decode base64 that may be broken into lines, as mails have it (RFC 2045, section 6.8), or a data: URL with it.

    Raises:
        RequestError: as ``decode_base64``.
    """
    return decode_base64(bytes(content).translate(None, _WHITE_SPACE).decode("latin-1"), where)
