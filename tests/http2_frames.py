"""HTTP/2 by hand (RFC 9113), for tests of clients that do as none should: calls whose message never comes whole."""

from __future__ import annotations

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_HEADERS = 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A field that is not indexed (RFC 7541, section 6.2.2)."""
    return b"\0" + b"".join(bytes([len(text)]) + text for text in (name.encode(), value.encode()))


def begun_call(stream, path, *, num_bytes, sent):
    """The head of a call, and the begin of a message that is said to be larger."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x"}
    fields |= {"content-type": "application/grpc", "te": "trailers"}
    head = b"".join(literal(*field) for field in fields.items())
    message = b"\0" + struct.pack(">I", num_bytes) + sent
    return frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, 0, stream, message)


def connect_with_begun_calls(address, path, number):
    """Open a connection with so many calls of which one byte has come."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    calls = [begun_call(1 + 2 * index, path, num_bytes=1000, sent=b"x") for index in range(number)]
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + b"".join(calls))
    return connection
