"""Attacks with pictures that cost much, or would if they were decoded."""

from __future__ import annotations

import functools
import heapq
import io
import selectors
import socket
import struct
import time
import zlib
from collections.abc import Callable, MutableSequence, Sequence
from typing import cast

from PIL import Image

from benchmarks.attack_connections import connect
from benchmarks.pictures import LARGE_SIZE, large_photo, photos
from benchmarks.workload import form_of

MEGAPIXELS_50 = (8160, 6120)
PAUSE_S = 1.0  # from an answer to the client's next upload
LOOK_AGAIN_S = 0.02
PIECE_BYTES = 2**18
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"


@functools.cache
def photo() -> bytes:
    """12 megapixels as photos are."""
    return large_photo()


def encoded(picture: Image.Image, image_format: str, **options: object) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()


def progressive() -> bytes:
    """12 megapixels as photos are, in several scans: decoded outside of the worker."""
    return encoded(Image.open(io.BytesIO(photo())), "JPEG", quality=90, progressive=True)


def wide_tiff() -> bytes:
    """50 megapixels of 32 bits, of one colour."""
    return encoded(Image.new("I", MEGAPIXELS_50, 70_000), "TIFF", compression="tiff_adobe_deflate")


def flat_png() -> bytes:
    """50 megapixels of gray, of one colour."""
    return encoded(Image.new("L", MEGAPIXELS_50, 99), "PNG")


def avif(quality: int = 75) -> bytes:
    """12 megapixels as photos are."""
    return encoded(Image.open(io.BytesIO(photo())), "AVIF", speed=10, quality=quality)


def run_lengths() -> bytes:
    """A bitmap of 12 megapixels that Pillow unpacks in Python."""
    width, height = LARGE_SIZE
    data = (b"\xff\x07" * (width // 255) + bytes((width % 255, 7, 0, 0))) * height + b"\0\1"
    palette = bytes(4 * 256)
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0) + palette + data


def bomb() -> bytes:
    """A PNG that says it has 4 gigapixels."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 65_535, 65_535, 8, 6, 0, 0, 0)), (b"IDAT", bytes(1000)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiles() -> bytes:
    """A TIFF of 400 tiles of 16 megapixels each, of which 400 pixels show."""
    number, tile = 400, zlib.compress(bytes(2**24))
    tags = {256: 1, 257: number, 258: 8, 259: 8, 262: 1, 277: 1, 322: 2**24, 323: 1}
    directory = 8 + len(tile) + 4 * number * 2
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    entries += [
        struct.pack("<HHII", tag, 4, number, 8 + len(tile) + 4 * number * at) for at, tag in enumerate((324, 325))
    ]
    lists = struct.pack(f"<{number}I", *[8] * number) + struct.pack(f"<{number}I", *[len(tile)] * number)
    return (
        struct.pack("<2sHI", b"II", 42, directory)
        + tile
        + lists
        + struct.pack("<H", len(entries))
        + b"".join(entries)
        + bytes(4)
    )


# How many clients, and the pictures that each sends in one request.
UPLOAD_ATTACKS: dict[str, tuple[int, Callable[[], Sequence[bytes]]]] = {
    "photos": (40, lambda: [photo()]),
    "many_photos": (40, lambda: 2 * photos()),
    "several_photos": (40, lambda: photos()[:8]),
    "progressive": (40, lambda: [progressive()]),
    "flat_pngs": (300, lambda: [flat_png()]),
    "wide_tiffs": (40, lambda: [wide_tiff()]),
    "avifs": (40, lambda: [avif()]),
    "fine_avifs": (20, lambda: [avif(quality=100)]),
    "bitmaps": (40, lambda: [run_lengths()]),
    "bombs": (64, lambda: [bomb()]),
    "tiles": (4, lambda: [tiles()]),
}


def request_of(pictures: Sequence[bytes]) -> bytes:
    """One picture as a body, or several in a form."""
    if len(pictures) > 1:
        content_type, body = form_of(pictures)
        return HEAD % (content_type, len(body)) + body
    return HEAD % (b"application/octet-stream", len(pictures[0])) + pictures[0]


def upload_without_end(port: int, number: int, upload: bytes, statuses: MutableSequence[int]) -> None:
    """Send a request from so many clients at once, each anew a while after its answer; count the answers by status."""
    request = memoryview(upload)
    due = [0.0] * number
    with selectors.DefaultSelector() as selector:
        while True:
            while due and due[0] <= time.monotonic():
                heapq.heappop(due)
                for client in connect(port, 1):
                    selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE, Exchange(request))
            for key, events in selector.select(LOOK_AGAIN_S):
                client, exchange = cast(socket.socket, key.fileobj), cast(Exchange, key.data)
                if exchange.go_on(client, events):
                    if not exchange.unsent:
                        selector.modify(client, selectors.EVENT_READ, exchange)
                    continue
                selector.unregister(client)
                client.close()
                statuses[int(exchange.answer[9:12] or 0)] += 1
                heapq.heappush(due, time.monotonic() + PAUSE_S)


class Exchange:
    """One request and its answer."""

    def __init__(self, request: memoryview) -> None:
        self.unsent, self.answer = request, b""

    def go_on(self, client: socket.socket, events: int) -> bool:
        """Send and receive what can be; False when the connection is over."""
        try:
            if events & selectors.EVENT_READ:
                received = client.recv(PIECE_BYTES)
                self.answer += received
                return bool(received)
            self.unsent = self.unsent[client.send(self.unsent[:PIECE_BYTES]) :]
        except OSError:
            return False
        return True
