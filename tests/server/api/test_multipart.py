"""Splitting forms: what a client packs comes out, and nothing else passes."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from forms import split, split_by_werkzeug
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from server.api.multipart import split_multipart
from server.request_errors import RequestError

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=10)
# Content that is made of boundary-like pieces more often than chance would have it, and has none.
SCRAPS = [b"\r\n", b"--", b"\t", b"\r\n--XYZZ", b"\r\n--XYZ-", b"\r\n--XYZ", b"\r\n--XYZ "]
DELIMITER = re.compile(rb"\r\n--XYZ(--|[ \t]*\r\n)")
CONTENTS = (
    st.lists(st.binary(max_size=20) | st.sampled_from(SCRAPS))
    .map(b"".join)
    .filter(lambda content: not DELIMITER.search(b"\r\n" + content + b"\r\n"))
)

# What names and filenames are made of that a reader of their quotes could stumble over.
TRICKY = st.lists(
    st.sampled_from(["a", "é", "😀", " ", ";", "=", ":", "'", "--XYZ", "name=", "%22", "%0D%0A", "%", "/"])
)
TEXTS = TRICKY.map("".join)
QUOTED = TEXTS | st.lists(st.sampled_from(["a", '\\"', "\\\\", ";"])).map("".join)
FIELDS = st.sampled_from(["", "Content-Type: image/png\r\n", "X: name=b\r\n", 'content-type:text/plain; name="c"\r\n'])
# Werkzeug takes a bare CR or LF for a line's end, in front of a boundary and behind it, too.
WERKZEUG_DELIMITER = re.compile(rb"[\r\n]--XYZ(--|[ \t]*[\r\n])")
LINES = [b"\r", b"\n", b"-", b"\r\n\r\n", b"--XYZ", b"--XYZ--", b"\r\n--XYZ;", b"\n-", b" ", b"\0", b"\xff"]
CONTENTS_OF_LINES = (
    st.lists(st.binary(max_size=3) | st.sampled_from(LINES))
    .map(b"".join)
    .filter(lambda content: not WERKZEUG_DELIMITER.search(b"\n" + content + b"\r\n"))
)


@given(st.lists(st.tuples(NAMES, NAMES, CONTENTS), max_size=5))
def test_parts_come_out_as_they_went_in(fields):
    files = MultiDict((name, FileStorage(io.BytesIO(content), filename)) for name, filename, content in fields)
    _, body = encode_multipart(files, boundary="XYZ")
    assert sorted(split(body)) == sorted(fields)


@st.composite
def forms(draw):
    """A form as some client could write it: quotes or none, escapes, other fields, padding, an end without a line."""
    body = b"".join(draw(st.lists(parts(), max_size=4)))
    return body + b"--XYZ--" + draw(st.sampled_from([b"", b"\r\n", b"\r\nbye"]))


@st.composite
def parts(draw):
    disposition = draw(st.sampled_from(["Content-Disposition", "content-disposition", "CONTENT-DISPOSITION"]))
    filename = draw(
        st.just("")
        | QUOTED.map('; filename="{}"'.format)
        | NAMES.map(";filename={}".format)
        | NAMES.map("; filename*=UTF-8''%C3%A9{}".format)
    )
    name = draw(QUOTED.map('name="{}"'.format) | NAMES.map("name={}".format))
    head = f"{draw(FIELDS)}{disposition}: form-data; {name}{filename}\r\n{draw(FIELDS)}"
    padding = draw(st.sampled_from([b"", b" ", b"\t "]))
    return b"--XYZ" + padding + b"\r\n" + head.encode() + b"\r\n" + draw(CONTENTS_OF_LINES) + b"\r\n"


@given(forms())
def test_form_is_what_werkzeug_makes_of_it(body):
    assert split(body) == split_by_werkzeug(body)


@pytest.mark.parametrize("line", [b"\n--XYZ\r\n", b"\r--XYZ\r\n", b"\r\n--XYZ\n"])
def test_boundary_on_a_line_without_crlf_is_content_where_werkzeug_takes_it(line):
    field = b'Content-Disposition: form-data; name="a"\r\n\r\n'
    body = b"--XYZ\r\n" + field + b"1" + line + field + b"2\r\n--XYZ--\r\n"
    assert split(body) == [("a", None, b"1" + line + field + b"2")]
    assert split_by_werkzeug(body) == [("a", None, b"1"), ("a", None, b"2")]


@given(st.binary(max_size=200))
def test_any_bytes_are_parts_or_a_named_error(body):
    with contextlib.suppress(RequestError):
        assert all(name is not None for name, _, _ in split(b"--XYZ" + body))


def test_boundary_of_which_another_is_the_beginning_is_content():
    body = b'--XYZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XYZZ\r\n2\r\n--XYZ--\r\n'
    assert split(body) == [("a", None, b"1\r\n--XYZZ\r\n2")]


@pytest.mark.parametrize("scrap", [b"\r\n--XYZZ", b"\r\n--XYZ-", b"\r\n--XYZ x"])
def test_content_of_many_such_boundaries_is_searched_once(scrap):
    class Body(bytes):
        num_searches = 0

        def find(self, *args):
            self.num_searches += 1
            return super().find(*args)

    content = scrap * 10_000 + b"."
    body = Body(b'--XYZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + content + b"\r\n--XYZ--\r\n")
    assert split(body) == [("a", None, content)]
    assert body.num_searches < 5


def test_preamble_padding_and_epilogue_are_skipped():
    body = b'hello\r\n--XYZ \t\r\ncontent-disposition:form-data;name=a;filename="b c.png"\r\n\r\n1\r\n--XYZ--\r\nbye'
    assert split(body) == [("a", "b c.png", b"1")]


def test_filename_of_another_alphabet_is_decoded():
    body = b"--XYZ\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''%C3%A9.png\r\n\r\n\r\n--XYZ--"
    assert split(body) == [("a", "é.png", b"")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"C:\Users\me\new.jpg", r"C:\Users\me\new.jpg"),
        (r"C:\\Users\\me\\new.jpg", r"C:\Users\me\new.jpg"),
        (r"\\host\photos\new.jpg", r"\host\photos\new.jpg"),
        (r"a\"b.jpg", 'a"b.jpg'),
        (r"a\%22.jpg", 'a\\".jpg'),
    ],
)
def test_backslash_escapes_quotes_and_backslashes_alone(written, meant):
    body = f'--XYZ\r\nContent-Disposition: form-data; name="a"; filename="{written}"\r\n\r\n1\r\n--XYZ--'.encode()
    assert split(body) == [("a", meant, b"1")]


@pytest.mark.parametrize(
    ("header", "meant"),
    [("", "binary"), ("Content-Transfer-Encoding: Base64\r\n", "base64"), ("content-transfer-encoding:\r\n", "")],
)
def test_transfer_encoding_is_told_in_lower_case(header, meant):
    body = f'--XYZ\r\nContent-Disposition: form-data; name="a"\r\n{header}\r\n1\r\n--XYZ--'.encode()
    assert [part.transfer_encoding for part in split_multipart(body, "XYZ")] == [meant]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--XYZ",
        b"--XYZ\r\n",
        b'--XYZ\r\nContent-Disposition: form-data; name="a"\r\n\r\nnever closed',
        b"--XYZ\r\nContent-Type: image/png\r\n\r\n1\r\n--XYZ--\r\n",
        b"--XYZ\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XYZ--\r\n",
        b"--XYZ\r\nX: " + bytes(10_000) + b"\r\n\r\n1\r\n--XYZ--\r\n",
    ],
)
def test_malformed_form_is_an_error(body):
    with pytest.raises(RequestError):
        split(body)


@pytest.mark.parametrize("boundary", ["", "ü", "x" * 201])
def test_unusable_boundary_is_an_error(boundary):
    with pytest.raises(RequestError, match="boundary"):
        split(b"--x", boundary)


def test_boundary_may_have_200_characters():
    boundary = "x" * 200
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--{boundary}--'.encode()
    assert split(body, boundary) == [("image", None, b"abc")]
