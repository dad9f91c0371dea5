"""Forms as clients write them: what they packed comes out."""

from __future__ import annotations

import shutil
import socket
import subprocess
from http.client import parse_headers

import pytest
from forms import split, split_by_werkzeug

# What clients write for the same fields, captured from their sockets: an image that holds a line's end and dashes,
# filenames with quotes, of other alphabets and with a line's end, a name with quotes, an empty field.
IMAGE = b"\r\n--\0\xff\r\n"
BODIES = {
    "curl 7.88": b"""--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="image"; filename="a b.png"
Content-Type: image/png

IMAGE
--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="image"; filename="q%22u\\o%te.png"
Content-Type: image/png

1
--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="image"; filename="\xc3\xa9\xf0\x9f\x98\x80.png"
Content-Type: image/png


--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="file"; filename="n%0D%0Al.png"
Content-Type: image/png

2
--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="n%22a\\me%"

text
--------------------------ff912a8a04d6bd30
Content-Disposition: form-data; name="empty"


--------------------------ff912a8a04d6bd30--
""",
    "fetch of Node 20": b"""------formdata-undici-084222190441
Content-Disposition: form-data; name="image"; filename="a b.png"
Content-Type: image/png

IMAGE
------formdata-undici-084222190441
Content-Disposition: form-data; name="image"; filename="q%22u\\o%te.png"
Content-Type: application/octet-stream

1
------formdata-undici-084222190441
Content-Disposition: form-data; name="image"; filename="\xc3\xa9\xf0\x9f\x98\x80.png"
Content-Type: application/octet-stream


------formdata-undici-084222190441
Content-Disposition: form-data; name="file"; filename="n%0D%0Al.png"
Content-Type: image/png

2
------formdata-undici-084222190441
Content-Disposition: form-data; name="n%22a\\me%"

text
------formdata-undici-084222190441
Content-Disposition: form-data; name="empty"


------formdata-undici-084222190441--
""",
    "requests 2.34, urllib3 2.8": b"""--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="image"; filename="a b.png"
Content-Type: image/png

IMAGE
--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="image"; filename="q%22u\\o%te.png"

1
--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="image"; filename="\xc3\xa9\xf0\x9f\x98\x80.png"


--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="file"; filename="n%0D%0Al.png"
Content-Type: image/png

2
--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="n%22a\\me%"

text
--cb1b337a270cdd419114fe8d2c2b6637
Content-Disposition: form-data; name="empty"


--cb1b337a270cdd419114fe8d2c2b6637--
""",
}
SENT = [
    ("image", "a b.png", IMAGE),
    ("image", 'q"u\\o%te.png', b"1"),
    ("image", "é😀.png", b""),
    ("file", "n%0D%0Al.png", b"2"),  # nobody reads it as a line's end again: a file could have this very name
    ('n"a\\me%', None, b"text"),
    ("empty", None, b""),
]


@pytest.mark.parametrize("client", BODIES)
def test_form_of_a_client_is_what_it_sent(client):
    body = BODIES[client].replace(b"\n", b"\r\n").replace(b"IMAGE", IMAGE)
    boundary = body[2 : body.index(b"\r\n")].decode()
    assert split(body, boundary) == SENT
    # Werkzeug takes a backslash for an escape, which these clients do not.
    without = [(name.replace("\\", ""), file and file.replace("\\", ""), content) for name, file, content in SENT]
    assert split_by_werkzeug(body, boundary) == without


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_form_of_the_curl_that_is_here_is_what_it_sent(tmp_path):
    (tmp_path / "a b.png").write_bytes(IMAGE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        form = ["-F", "image=@a b.png", "-F", 'image=@a b.png;filename="q\\"u.png"', "-F", "empty="]
        with subprocess.Popen(["curl", "--silent", *form, url], cwd=tmp_path):  # noqa: S607
            listener.settimeout(10)
            connection = listener.accept()[0]
            with connection, connection.makefile("rb") as stream:
                stream.readline()
                head = parse_headers(stream)
                body = stream.read(int(head["Content-Length"]))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert split(body, head.get_boundary()) == [
        ("image", "a b.png", IMAGE),
        ("image", 'q"u.png', IMAGE),
        ("empty", None, b""),
    ]
