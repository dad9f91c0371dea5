"""Base64 where clients put it: decoded where it may stand, else an error that says where it may."""

from __future__ import annotations

import base64
import json

import pytest

from models.pixels.preprocessing import ACCEPTED_FORMATS
from server.api.base64_text import is_base64_text
from server.api.uploads import parse_uploads
from server.request_errors import RequestError, UnsupportedMediaType

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
BASE64 = base64.b64encode(PICTURE)
LINES = base64.encodebytes(PICTURE).replace(b"\n", b"\r\n")
DATA_URL = b"data:image/png;base64," + BASE64


def form(content, *, filename="a.png", encoding=None):
    name = f'; filename="{filename}"' if filename else ""
    header = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    head = f'--XYZ\r\nContent-Disposition: form-data; name="image"{name}\r\n{header}\r\n'
    return head.encode() + content + b"\r\n--XYZ--\r\n"


def parse(body, content_type="multipart/form-data; boundary=XYZ"):
    (upload,) = parse_uploads(body, content_type, max_images=3)
    return bytes(upload.content)


@pytest.mark.parametrize("content", [BASE64, LINES, DATA_URL], ids=["base64", "lines", "data URL"])
def test_part_is_decoded_whose_headers_say_base64(content):
    assert parse(form(content, encoding="BASE64")) == PICTURE
    assert parse(form(content, filename=None, encoding="base64")) == PICTURE


@pytest.mark.parametrize("encoding", [None, "binary", "8bit", "7BIT"])
def test_part_is_taken_as_it_is_whose_headers_say_nothing_of_it(encoding):
    assert parse(form(PICTURE, encoding=encoding)) == PICTURE


@pytest.mark.parametrize("encoding", ["quoted-printable", "x" * 5000])
def test_other_transfer_encoding_is_refused_by_name(encoding):
    with pytest.raises(RequestError, match="Content-Transfer-Encoding of a part") as refused:
        parse(form(PICTURE, encoding=encoding))
    assert repr(encoding[:40]) in str(refused.value)
    assert len(str(refused.value)) < 200


def test_part_that_is_not_the_base64_of_its_headers_is_refused():
    with pytest.raises(RequestError, match="the field image with Content-Transfer-Encoding: base64 must be base64"):
        parse(form(PICTURE, encoding="base64"))


@pytest.mark.parametrize("content", [BASE64, LINES, DATA_URL], ids=["base64", "lines", "data URL"])
def test_text_field_is_decoded(content):
    assert parse(form(content, filename=None)) == PICTURE


def test_text_field_of_broken_base64_is_refused():
    with pytest.raises(RequestError, match="the field image must be base64"):
        parse(form(BASE64 + b"*", filename=None))


@pytest.mark.parametrize("content", [BASE64, LINES, DATA_URL], ids=["base64", "lines", "data URL"])
def test_base64_in_place_of_a_file_or_a_body_is_told_where_it_may_go(content):
    with pytest.raises(
        UnsupportedMediaType, match="the file in the field image is base64, not a picture: it may stand"
    ):
        parse(form(content))
    for content_type in (None, "image/png", "application/octet-stream"):
        with pytest.raises(UnsupportedMediaType, match="the body is base64, not a picture: it may stand"):
            parse(content, content_type)


@pytest.mark.parametrize("begin", ["", " \n", "\N{BYTE ORDER MARK}"])
def test_json_without_a_type_is_json_and_of_another_type_is_told_to_say_so(begin):
    body = (begin + json.dumps({"image": BASE64.decode()})).encode()
    assert parse(body, None) == PICTURE
    for content_type in ("image/png", "application/octet-stream"):
        with pytest.raises(UnsupportedMediaType, match='send it with "Content-Type: application/json"'):
            parse(body, content_type)


def test_no_picture_is_taken_for_base64(encode):
    for image_format in set(ACCEPTED_FORMATS) - {"HEIC"}:
        assert not is_base64_text(encode("red", image_format))
