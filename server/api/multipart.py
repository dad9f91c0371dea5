"""Splits a multipart/form-data body (RFC 7578, RFC 2046) that is in memory, without copying its parts.

The body is bounded and read whole before it gets here, so a search for the boundary is all it takes: no buffering, no
temporary files, and no silence about a malformed form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.api.parameters import split_parameters
from server.request_errors import RequestError

MAX_BOUNDARY_BYTES = 200  # the RFC allows 70
MAX_HEADER_BYTES = 8192  # of one part

_DELIMITER_END = re.compile(rb"(?:--|[ \t]*+\r\n)")

# What nearly every client writes; whatever else there is, escapes and encodings, is left to werkzeug.
_USUAL_DISPOSITION = re.compile(
    r'\r\nContent-Disposition: form-data; name="([^"\\%\r\n]*)"(?:; filename="([^"\\%\r\n]*)")?\r\n', re.IGNORECASE
)
_TRANSFER_ENCODING = re.compile(rb"\r\nContent-Transfer-Encoding[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
# Browsers and curl write a backslash as it is (C:\new.jpg), other clients escape a quote or a backslash with one.
_LONE_BACKSLASH = re.compile(r'(\\["\\])|\\')


@dataclass(frozen=True, slots=True)
class Part:
    """One field of the form; ``content`` looks into the body, and is as it was sent.

    Attributes:
        transfer_encoding: what Content-Transfer-Encoding says, in lower case; "binary" where there is none. RFC 7578,
            section 4.7, has it deprecated, and clients that build their forms as mails send it.
    """

    name: str
    filename: str | None
    content: memoryview
    transfer_encoding: str = "binary"


def split_multipart(body: bytes | bytearray, boundary: str) -> Iterator[Part]:
    """Yield the parts of a form in their order, so that a caller may stop at the first one too many.

    Raises:
        RequestError: the form is malformed; says how.
    """
    if not boundary or not boundary.isascii() or len(boundary) > MAX_BOUNDARY_BYTES:
        raise RequestError(
            "the Content-Type multipart/form-data must name its boundary: leave that header to what makes the form"
        )
    delimiter = b"--" + boundary.encode()
    view = memoryview(body)
    start = len(delimiter)
    if not body.startswith(delimiter):  # text before the first boundary is nobody's
        _, start = _find_delimiter(body, b"\r\n" + delimiter, 0)
    while not body.startswith(b"--", start):  # "--" after a boundary: the last one
        content_start = body.find(b"\r\n\r\n", start, start + MAX_HEADER_BYTES) + 4
        if content_start < 4:
            raise RequestError(
                f"a part of the form must have headers of at most {MAX_HEADER_BYTES} bytes, then a blank line"
            )
        # From two bytes before: some clients let the blank line end the content of an empty file too.
        end, next_start = _find_delimiter(body, b"\r\n" + delimiter, content_start - 2)
        headers = body[start:content_start]
        name, filename = _parse_disposition(headers)
        encoding = _TRANSFER_ENCODING.search(headers)
        told = encoding[1].decode("latin-1").strip().lower() if encoding else "binary"
        yield Part(name, filename, view[content_start:end], told)
        start = next_start


def _find_delimiter(body: bytes | bytearray, delimiter: bytes, start: int) -> tuple[int, int]:
    """Find where the next boundary begins and ends; text that merely begins like one is content."""
    position = body.find(delimiter, start)
    if position >= 0 and not _DELIMITER_END.match(body, position + len(delimiter)):
        # A body can be made of such text, so the rest is one search: compiled here, for no other body needs it.
        match = re.compile(re.escape(delimiter) + _DELIMITER_END.pattern).search(body, position + 1)
        position = match.start() if match else -1
    if position < 0:
        raise RequestError("the form ends before its closing boundary; the upload may be incomplete")
    return position, position + len(delimiter)


def _parse_disposition(headers: bytes | bytearray) -> tuple[str, str | None]:
    text = headers.decode(errors="replace")
    if usual := _USUAL_DISPOSITION.match(text):
        return usual[1], usual[2]
    for line in text.split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            _, options = split_parameters(_LONE_BACKSLASH.sub(lambda found: found[1] or r"\\", value.strip()))
            if "name" in options:
                return options["name"], options.get("filename")
    raise RequestError("a part of the form has no Content-Disposition header with a name")
