"""A download from a hostile server ends, soon and small, with a reason, and leaves no file."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from models.files.download import DownloadFailed, DownloadLimits, download

LIMITS = DownloadLimits(max_bytes=200_000, wall_s=0.3, silent_s=0.2)
CONTENT = bytes(range(256)) * 100


class Hostile(BaseHTTPRequestHandler):
    """Answers each path in a way of its own."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with suppress(OSError):  # the client has had enough
            getattr(self, self.path.strip("/").partition("?")[0].replace("-", "_"))()
        self.close_connection = True

    def answer(self, *pieces, status=200, pause_s=0.0, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            time.sleep(pause_s)

    def whole(self):
        assert self.headers["Accept-Encoding"] == "identity"
        self.answer(CONTENT, Content_Length=len(CONTENT))

    def endless(self):
        self.send_response(200)
        self.end_headers()
        for piece in itertools.repeat(bytes(64 * 1024)):
            self.wfile.write(piece)

    def huge(self):
        self.answer(Content_Length=10**12)

    def dripping(self):
        self.answer(*[b"x"] * 100, pause_s=0.02, Content_Length=100)

    def silent(self):
        self.answer(Content_Length=10)
        self.rfile.read()  # until the client goes

    def cut_off(self):
        self.answer(CONTENT[:1000], Content_Length=len(CONTENT))

    def odd_length(self):
        self.answer(CONTENT, Content_Length="-1")

    def bomb(self):
        packed = gzip.compress(bytes(10**7))
        self.answer(packed, Content_Length=len(packed), Content_Encoding="gzip")

    def not_there(self):
        self.answer(status=404, Content_Length=0)

    def no_http(self):
        self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    def in_house(self):
        self.answer(status=302, Location="/whole", Content_Length=0)

    def in_circles(self):
        self.answer(status=302, Location=f"/in-circles?{time.monotonic()}", Content_Length=0)

    def to_file(self):
        self.answer(status=302, Location="file:///etc/passwd", Content_Length=0)

    def to_metadata(self):
        self.answer(status=307, Location="http://169.254.169.254/latest/meta-data", Content_Length=0)

    def to_loopback(self):
        self.answer(status=301, Location="http://localhost:9/", Content_Length=0)

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["whole", "in-house"])
def test_file_is_there_once_it_is_whole(server, tmp_path, path):
    download(f"{server}/{path}", tmp_path / "weights.h5", DownloadLimits(), scheme="http")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("weights.h5", CONTENT)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("endless", "more than the 200,000 bytes"),
        ("huge", "1,000,000,000,000 bytes; 200,000 are accepted"),
        ("dripping", r"more than 0\.3 s"),
        ("silent", r"nothing came within 0\.2 s"),
        ("cut-off", "should have 25,600 bytes, 1,000 came"),
        ("odd-length", "'-1' bytes"),
        ("bomb", "packs it .'gzip'."),
        ("not-there", "answered 404"),
        ("no-http", "does not answer by HTTP"),
        ("in-circles", "answered 302"),
        ("to-file", "file:///etc/passwd. is not allowed"),
        ("to-metadata", r"another one, http://169\.254\.169\.254"),
        ("to-loopback", "another one, http://localhost:9"),
    ],
)
def test_hostile_server_is_left_with_a_reason_and_without_a_file(server, tmp_path, path, reason):
    with pytest.raises(DownloadFailed, match=reason):
        download(f"{server}/{path}", tmp_path / "weights.h5", LIMITS, scheme="http")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1/", "ftp://127.0.0.1/", "weights.h5"])
def test_nothing_but_https_is_spoken(url, tmp_path):
    with pytest.raises(DownloadFailed, match="must be downloaded by https"):
        download(url, tmp_path / "weights.h5")


def test_server_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        download(f"http://127.0.0.1:{port}/", tmp_path / "weights.h5", LIMITS, scheme="http")
