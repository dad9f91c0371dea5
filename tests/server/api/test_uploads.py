"""The three forms of an upload, and what is said about a request that is none of them."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api import base64_text, uploads
from server.api.uploads import clean_filename, parse_uploads, read_body
from server.request_errors import (
    IncompleteUpload,
    MissingImage,
    RequestError,
    TooManyImages,
    UnsupportedMediaType,
    UploadTimeout,
    UploadTooLarge,
)

CONTENT_TYPES = [None, "image/png", "multipart/form-data; boundary=XYZ", "application/json", "text/plain", ";;=", "/"]


def form(*parts):
    lines = [
        b'--XYZ\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b"" if filename is None else b'; filename="%s"' % filename.encode(), content)
        for name, filename, content in parts
    ]
    return b"".join(lines) + b"--XYZ--\r\n"


def parse(body, content_type="multipart/form-data; boundary=XYZ", max_images=3):
    uploads = parse_uploads(body, content_type, max_images=max_images)
    return [(upload.filename, bytes(upload.content)) for upload in uploads]


def parse_json(document, **options):
    return parse(json.dumps(document).encode(), "application/json", **options)


@given(st.binary(max_size=100), st.sampled_from(CONTENT_TYPES))
def test_any_body_is_uploads_or_a_named_error(body, content_type):
    with contextlib.suppress(RequestError):
        assert parse(body, content_type)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=8),
        lambda inner: (
            st.dictionaries(st.sampled_from(["image", "images", "x"]), inner, max_size=2) | st.lists(inner, max_size=4)
        ),
    )
)
def test_any_json_is_uploads_or_a_named_error(document):
    with contextlib.suppress(RequestError):
        assert parse_json(document)


@pytest.mark.parametrize(
    "content_type", [None, "", "image/jpeg", "image/x-whatever", "IMAGE/JPEG", "application/octet-stream"]
)
def test_raw_body_is_one_upload_without_a_name(content_type):
    assert parse(b"\x89PNG", content_type) == [(None, b"\x89PNG")]


def test_image_that_curl_sends_as_a_form_is_an_upload_and_a_form_is_not():
    content_type = "application/x-www-form-urlencoded"
    assert parse(b"\xff\xd8\xff", content_type) == [(None, b"\xff\xd8\xff")]
    with pytest.raises(UnsupportedMediaType, match="must be multipart/form-data"):
        parse(b"image=photo.jpg", content_type)


@pytest.mark.parametrize("content_type", ["text/plain", "video/mp4", "multipart/mixed; boundary=XYZ"])
def test_other_content_types_are_refused_by_name(content_type):
    with pytest.raises(UnsupportedMediaType, match=content_type.partition(";")[0]):
        parse(b"abc", content_type)


def test_form_may_have_several_files_in_both_fields():
    body = form(("image", "a.png", b"1"), ("file", "b.png", b"2"), ("image", None, b"3"))
    assert parse(body) == [("a.png", b"1"), ("b.png", b"2"), (None, b"3")]


def test_empty_file_is_an_upload_but_an_unused_file_input_is_not():
    assert parse(form(("image", "a.png", b""))) == [("a.png", b"")]
    with pytest.raises(MissingImage, match=r"no file in the field image \(or file\)"):
        parse(form(("image", "", b"")))


def test_wrong_field_is_refused_with_the_names_accepted_and_received():
    with pytest.raises(RequestError, match=r"in the field image \(or file\), got 'photo', 'top_k'"):
        parse(form(("photo", "a.png", b"1"), ("top_k", None, b"3"), ("image", "a.png", b"1")))


def test_text_fields_beside_an_image_are_let_be_but_not_in_its_place():
    assert parse(form(("token", None, b"x"), ("image", "a.png", b"1"))) == [("a.png", b"1")]
    with pytest.raises(RequestError, match=r"in the field image \(or file\), got 'img'"):
        parse(form(("img", None, b"1")))


def test_more_images_than_allowed_are_refused():
    with pytest.raises(TooManyImages, match="at most 3"):
        parse(form(*[("image", "a.png", b"1")] * 4))
    with pytest.raises(TooManyImages, match="at most 3"):
        parse_json({"images": [""] * 4})


@given(st.binary(max_size=50))
def test_base64_comes_out_as_bytes(content):
    text = base64.b64encode(content).decode()
    assert parse_json({"image": text}) == [(None, content)]
    assert parse_json({"images": [text, f"data:image/png;base64,{text}"]}) == [(None, content)] * 2


@pytest.mark.parametrize("num_bytes", [8, 9, 10, 17])
def test_long_base64_is_decoded_piece_by_piece(monkeypatch, num_bytes):
    monkeypatch.setattr(base64_text, "PIECE_CHARACTERS", 12)
    content = bytes(range(num_bytes))
    assert parse_json({"image": base64.b64encode(content).decode()}) == [(None, content)]


@pytest.mark.parametrize("text", ["YWJjYWJjYWI=YWJj", "YWJjYWJjYW==YWJj", "YWJjYWJjYWJjYWJ"])
def test_long_base64_may_have_padding_at_its_end_alone(monkeypatch, text):
    monkeypatch.setattr(base64_text, "PIECE_CHARACTERS", 12)
    with pytest.raises(RequestError, match="image must be base64"):
        parse_json({"image": text})


def test_of_large_json_documents_one_is_parsed_at_a_time(monkeypatch):
    monkeypatch.setattr(uploads, "LARGE_JSON_BYTES", 20)
    loads, at_once = json.loads, []

    def slow(body):
        at_once.append(len(parsing))
        parsing.append(body)
        time.sleep(0.01)
        parsing.pop()
        return loads(body)

    parsing = []
    monkeypatch.setattr(uploads, "parse_json", slow)
    threads = [threading.Thread(target=parse_json, args=({"image": "YWJj" * 5},)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once == [0] * 4


@pytest.mark.parametrize("text", ["a", "YWJj\n", "YWJj YWJj", "YW=j", "_-==", "é", "data:image/png,YWJj", "data:"])
def test_sloppy_base64_is_refused_and_says_which(text):
    with pytest.raises(RequestError, match=r"images\[1\] must be"):
        parse_json({"images": ["YWJj", text]})


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"photo": "x"}, {"image": "", "images": []}, {"image": "", "top_k": 1}]
)
def test_other_json_is_refused_with_the_form_expected(document):
    with pytest.raises(RequestError, match="the JSON must be"):
        parse_json(document)


@pytest.mark.parametrize("document", [{"image": 1}, {"images": "x"}, {"images": [None]}])
def test_json_of_the_wrong_type_is_refused(document):
    with pytest.raises(RequestError, match="must be a"):
        parse_json(document)


def test_empty_list_is_a_missing_image():
    with pytest.raises(MissingImage):
        parse_json({"images": []})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"image": ' + b"9" * 10_000 + b"}"])
def test_body_that_is_no_json_is_refused(body):
    with pytest.raises(RequestError):
        parse(body, "application/json")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"{}", RequestError),
        (b"[]", RequestError),
        (b'[{"":', RequestError),
        (b'""', TooManyImages),
        (b"1", TooManyImages),
        (b'"x":1', TooManyImages),
    ],
)
def test_json_of_many_values_costs_no_memory(value, error):
    body = b'{"image":[' + b",".join([value] * 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(error):
            parse(body, "application/json")
        assert tracemalloc.get_traced_memory()[1] < len(body)
    finally:
        tracemalloc.stop()


def test_json_may_have_as_many_images_as_are_allowed():
    url = "data:image/png;base64,YWJj"
    assert parse_json({"images": [url] * 1000}, max_images=1000) == [(None, b"abc")] * 1000


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("dog.jpg", "dog.jpg"),
        ("C:\\Users\\me\\dog.jpg", "dog.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nb\x00\u202e.jpg", "ab.jpg"),
        ("ü" * 300, "ü" * 255),
        ("..", ".."),
        ("/", ""),
    ],
)
def test_filename_is_reduced_to_a_harmless_last_part(given_name, expected):
    assert clean_filename(given_name) == expected


class Untouchable:
    def read(self):
        raise AssertionError("must not be read")


class Broken:
    def __init__(self, error):
        self.error = error

    def read(self):
        raise self.error


@pytest.mark.parametrize("body", [b"", b"abc"])
@pytest.mark.parametrize("is_announced", [False, True])
def test_whole_body_is_read(body, is_announced):
    assert read_body(io.BytesIO(body), len(body) if is_announced else None, max_bytes=3) == body


def test_announced_excess_is_refused_unread():
    with pytest.raises(UploadTooLarge, match="at most 10 bytes, it has 11"):
        read_body(Untouchable(), 11, max_bytes=10)


@pytest.mark.parametrize("num_bytes", [0, 4, 9])
def test_short_body_is_incomplete(num_bytes):
    with pytest.raises(IncompleteUpload, match=f"should have 10 bytes, {num_bytes} arrived"):
        read_body(io.BytesIO(bytes(num_bytes)), 10, max_bytes=10)


@pytest.mark.parametrize(
    ("error", "expected"), [(ConnectionResetError(), IncompleteUpload), (TimeoutError(), UploadTimeout)]
)
def test_failing_connection_is_named(error, expected):
    with pytest.raises(expected):
        read_body(Broken(error), 10, max_bytes=10)
