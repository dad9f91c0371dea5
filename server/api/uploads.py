"""Reads a request's body, and the images in it: the parts of a form, base64 in JSON, or the body itself."""

from __future__ import annotations

import threading
import unicodedata
from typing import IO, Any

from server.api.base64_text import WHERE_IT_MAY_GO, decode_base64, decode_base64_lines, is_base64_text
from server.api.body_kinds import FORM, JSON, JSON_BEGINS, PICTURE, check_kind
from server.api.multipart import Part, split_multipart
from server.api.parameters import split_parameters
from server.classify import Upload
from server.json_document import parse_json
from server.request_errors import (
    IncompleteUpload,
    MissingImage,
    RequestError,
    TooManyImages,
    UnsupportedMediaType,
    UploadTimeout,
    UploadTooLarge,
)

FIELDS = ("image", "file")
RAW_TYPES = ("", "application/octet-stream", "binary/octet-stream")
MAX_FILENAME_CHARACTERS = 255
MAX_NAMED_FIELDS = 10  # in a message
AS_IT_IS = ("binary", "8bit", "7bit", "")  # transfer encodings that change nothing (RFC 2045, section 6.2)
# Parsing keeps all other threads from running, 2 ms a megabyte: of large documents one is parsed at a time.
LARGE_JSON_BYTES = 2**20
_large_json = threading.Lock()
SPARE_JSON_VALUES = 100  # past those of any right document, so that one that is merely wrong is told how


def read_body(stream: IO[bytes], content_length: int | None, *, max_bytes: int) -> bytes | bytearray:
    """Read the whole body into memory; nothing is ever written to disk.

    Args:
        stream: ends where the body ends. It raises TimeoutError where the client is too slow, another OSError where it
            has gone, and UploadTooLarge where more came than is allowed without having been announced.
        content_length: as the client announced it; None for a chunked body, or none.
        max_bytes: a body that is announced as larger is refused unread.

    Raises:
        UploadTooLarge: more than ``max_bytes``.
        IncompleteUpload: the client stopped before the end.
        UploadTimeout: the client was too slow.
    """
    if content_length is not None and content_length > max_bytes:
        raise UploadTooLarge(f"the request body may have at most {max_bytes} bytes, it has {content_length}")
    try:
        body = stream.read()
    except TimeoutError:
        raise UploadTimeout("the request body did not arrive in time") from None
    except OSError:
        raise IncompleteUpload("the connection broke before the request body was complete") from None
    if content_length is not None and len(body) < content_length:
        raise IncompleteUpload(f"the request body should have {content_length} bytes, {len(body)} arrived")
    return body


def parse_uploads(body: bytes | bytearray, content_type: str | None, *, max_images: int) -> list[Upload]:
    """Take the images out of a request's body; whether they are images is for others to find out.

    Returns:
        At least one and at most ``max_images`` uploads, in the order of the request.

    Raises:
        MissingImage: there is none; says what was expected and what came.
        TooManyImages: there are more than ``max_images``.
        UnsupportedMediaType: no image comes in that Content-Type.
        RequestError: the form or the JSON is malformed.
    """
    media_type, options = split_parameters(content_type)
    media_type = media_type.lower()  # case means nothing in it (RFC 9110, section 8.3.1)
    if media_type == "multipart/form-data":
        check_kind(body, FORM)
        return _from_form(body, options.get("boundary", ""), max_images)
    if media_type == "application/json" or (not media_type and JSON_BEGINS.match(body)):
        check_kind(body, JSON)
        return _from_json(body, max_images)
    is_curl_default = media_type == "application/x-www-form-urlencoded"
    if media_type in RAW_TYPES or media_type.startswith("image/") or is_curl_default:
        check_kind(body, PICTURE)
        # `curl --data-binary @photo.jpg` claims to send a form: that would be ASCII, which no image is.
        if not is_curl_default or not body[:512].isascii():
            return [Upload(body if isinstance(body, bytes) else memoryview(body))]
    raise UnsupportedMediaType(
        f"the Content-Type must be multipart/form-data, application/json or image/*, got {media_type[:100]!r}"
    )


def clean_filename(name: str) -> str:
    """Reduce what a client calls a file to its last part, without control characters, of bounded length."""
    last = name.replace("\\", "/").rpartition("/")[2]
    if not last.isprintable():
        last = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return last[:MAX_FILENAME_CHARACTERS]


def _from_form(body: bytes | bytearray, boundary: str, max_images: int) -> list[Upload]:
    """Take the files in the fields for images; text fields beside them, such as a form's token, do no harm."""
    uploads: list[Upload] = []
    others: list[str] = []
    has_other_files = False
    for number, part in enumerate(split_multipart(body, boundary), start=1):
        if number > max_images:
            raise _too_many_images(max_images)
        is_unused_input = part.filename == "" and not part.content
        if part.name not in FIELDS:
            others.append(part.name)
            has_other_files |= bool(part.filename)
        elif not is_unused_input:
            uploads.append(Upload(_content_of(part), clean_filename(part.filename) if part.filename else None))
    if has_other_files or (others and not uploads):
        raise RequestError(f"the form may have files in the field image (or file), got {_listed(others)}")
    if not uploads:
        raise MissingImage("the form has no file in the field image (or file)")
    return uploads


def _content_of(part: Part) -> bytes | memoryview:
    """Take the picture out of a part: as it was sent, or decoded where its headers or its text say base64."""
    where = f"the field {part.name}"
    if part.transfer_encoding == "base64":
        return decode_base64_lines(part.content, f"{where} with Content-Transfer-Encoding: base64")
    if part.transfer_encoding not in AS_IT_IS:
        raise RequestError(
            "the Content-Transfer-Encoding of a part of the form may be base64 or binary, "
            f"got {part.transfer_encoding[:40]!r}"
        )
    if not is_base64_text(part.content):
        return part.content
    if part.filename is None:
        return decode_base64_lines(part.content, where)
    raise UnsupportedMediaType(f"the file in {where} is base64, not a picture: {WHERE_IT_MAY_GO}")


def _from_json(body: bytes | bytearray, max_images: int) -> list[Upload]:
    # Many values are refused before they are parsed, each to a hundred bytes and more; base64 has no such characters.
    if _has_more(body, b"{", SPARE_JSON_VALUES) or _has_more(body, b"[", SPARE_JSON_VALUES):
        raise RequestError(f"the JSON may have at most {SPARE_JSON_VALUES} objects or lists")
    if _has_more(body, b",", 2 * max_images + SPARE_JSON_VALUES):  # a data: URL has one, and one may follow it
        raise _too_many_images(max_images)
    if len(body) < LARGE_JSON_BYTES:
        return _parse_json(body, max_images)
    with _large_json:
        return _parse_json(body, max_images)


def _parse_json(body: bytes | bytearray, max_images: int) -> list[Upload]:
    document = parse_json(body)
    if not isinstance(document, dict) or document.keys() not in ({"image"}, {"images"}):
        got = _listed(list(document)) if isinstance(document, dict) else type(document).__name__
        raise RequestError(f'the JSON must be {{"image": "<base64>"}} or {{"images": ["<base64>", ...]}}, got {got}')
    if "image" in document:
        return [Upload(_decode(document["image"], "image"))]
    images = document["images"]
    if not isinstance(images, list):
        raise RequestError("images must be a list of base64 strings")
    if not images:
        raise MissingImage("images must not be empty")
    if len(images) > max_images:
        raise _too_many_images(max_images)
    return [Upload(_decode(image, f"images[{index}]")) for index, image in enumerate(images)]


def _has_more(body: bytes | bytearray, character: bytes, max_number: int) -> bool:
    """Tell in the time of a few searches, not in that of a count of them all."""
    position = -1
    for _ in range(max_number + 1):
        position = body.find(character, position + 1)
        if position < 0:
            return False
    return True


def _decode(text: Any, where: str) -> bytes:
    if not isinstance(text, str):
        raise RequestError(f"{where} must be a base64 string")
    return decode_base64(text, where)


def _too_many_images(max_images: int) -> TooManyImages:
    return TooManyImages(f"a request may carry at most {max_images} images, this one has more")


def _listed(names: list[str]) -> str:
    first = ", ".join(repr(name[:40]) for name in names[:MAX_NAMED_FIELDS])
    return f"{first} and {len(names) - MAX_NAMED_FIELDS} more" if len(names) > MAX_NAMED_FIELDS else first or "nothing"
