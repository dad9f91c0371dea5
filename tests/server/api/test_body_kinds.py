"""A body that is called what it is not is told what it is, and what to call it."""

from __future__ import annotations

import base64
import json

import pytest
from pictures import SMALL_JPEG, encode, gradient

from models.pixels.preprocessing import ACCEPTED_FORMATS
from server.api.body_kinds import FORM, JSON, PICTURE, check_kind
from server.api.uploads import parse_uploads
from server.request_errors import UnsupportedMediaType

TEXT = base64.b64encode(SMALL_JPEG)
DOCUMENT = json.dumps({"image": TEXT.decode()}).encode()
PART = b'--X.Y\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
A_FORM = PART + SMALL_JPEG + b"\r\n--X.Y--\r\n"
BODIES = {PICTURE: SMALL_JPEG, JSON: DOCUMENT, FORM: A_FORM, "base64": TEXT, "data:": b"data:image/jpeg;base64," + TEXT}
TYPES = {PICTURE: "image/png", JSON: "application/json", FORM: "multipart/form-data; boundary=X.Y"}
TOLD = {
    PICTURE: r'^the body is a picture \(JPEG\): send it with "Content-Type: image/jpeg"$',
    JSON: '^the body is JSON: send it with "Content-Type: application/json"$',
    FORM: '^the body is a form: send it with "Content-Type: multipart/form-data; boundary=X.Y"$',
    "base64": "^the body is base64, not a picture: it may stand in",
    "data:": "^the body is base64, not a picture: it may stand in",
}


@pytest.mark.parametrize("expected", TYPES)
@pytest.mark.parametrize("kind", BODIES)
def test_body_of_another_kind_is_told_what_it_is(kind, expected):
    if kind == expected:
        assert len(parse_uploads(BODIES[kind], TYPES[expected], max_images=1)) == 1
        return
    with pytest.raises(UnsupportedMediaType, match=TOLD[kind]):
        parse_uploads(BODIES[kind], TYPES[expected], max_images=1)


def test_picture_in_which_there_are_many_brackets_is_told_so_too():
    with pytest.raises(UnsupportedMediaType, match=TOLD[PICTURE]):
        parse_uploads(SMALL_JPEG + b"{" * 1000, "application/json", max_images=1)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/x-www-form-urlencoded"])
def test_form_without_its_type_is_told_which(content_type):
    with pytest.raises(UnsupportedMediaType, match=TOLD[FORM]):
        parse_uploads(A_FORM, content_type, max_images=1)


def test_json_that_curl_sends_as_a_form_is_told_so():
    with pytest.raises(UnsupportedMediaType, match=TOLD[JSON]):
        parse_uploads(DOCUMENT, "application/x-www-form-urlencoded", max_images=1)


@pytest.mark.parametrize("image_format", ACCEPTED_FORMATS)
def test_every_accepted_format_is_known(image_format):
    with pytest.raises(UnsupportedMediaType, match=f"image/{image_format.lower()}"):
        check_kind(encode(gradient(16, 16), image_format), JSON)


@pytest.mark.parametrize("expected", TYPES)
@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{", b"--", b"\r\n--X.Y--\r\n", bytes(5000)])
def test_what_is_none_of_them_is_left_to_those_who_read_it(body, expected):
    if body != b"{" or expected == JSON:
        check_kind(body, expected)


def test_form_after_a_preamble_is_a_form():
    preamble = b"This is a multi-part message in MIME format.\r\n"
    assert len(parse_uploads(preamble + A_FORM, TYPES[FORM], max_images=1)) == 1
