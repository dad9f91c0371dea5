"""Parses messages in bounded time and memory: two bytes on their way can be an empty message in another.

Once it is parsed, such a message takes 70 bytes, and 20 µs in which no other thread runs. So parts are counted first.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from server.grpc.messages import message_class
from server.request_errors import RequestError

MAX_PARTS = 8192  # OPSIN_MAX_IMAGES is 1,024 at most
MAX_VARINT_BYTES = 10
VARINT, LENGTH = 0, 2  # the wire types, as https://protobuf.dev/programming-guides/encoding has them
FIXED_BYTES = {1: 8, 5: 4}


def parse(content: bytes, name: str) -> Any:
    """Parse a message of the class of that name.

    Raises:
        RequestError: it is none, or has more parts than any request needs.
    """
    kind = message_class(name)
    try:
        _check_parts(content, kind.DESCRIPTOR)
        return kind.FromString(content)
    except (DecodeError, IndexError):
        raise RequestError(f"the message must be an {name}") from None


def _check_parts(content: bytes, descriptor: Any) -> None:
    """Raise RequestError where fields, those of messages in the message among them, are too many; else IndexError."""
    num_parts = 0
    unread = [(memoryview(content), descriptor)]
    while unread:
        message, descriptor = unread.pop()
        position = 0
        while position < len(message):
            num_parts += 1
            if num_parts > MAX_PARTS:
                raise RequestError(
                    f"the message may have at most {MAX_PARTS:,} fields, those of its tensors and parameters "
                    "among them; send numbers in raw_input_contents"
                )
            key, position = _varint(message, position)
            wire_type = key & 7
            if wire_type == VARINT:
                _, position = _varint(message, position)
            elif wire_type == LENGTH:
                num_bytes, start = _varint(message, position)
                position = start + num_bytes
                field = descriptor.fields_by_number.get(key >> 3)
                if field is not None and field.message_type is not None:
                    unread.append((message[start:position], field.message_type))
            elif wire_type in FIXED_BYTES:
                position += FIXED_BYTES[wire_type]
            else:
                raise IndexError  # a group, which no message here has


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Read a number, and tell where what follows begins; raises IndexError where there is none."""
    number = 0
    for index in range(MAX_VARINT_BYTES):
        byte = message[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # the bit that says that another follows
            return number, position + index + 1
    raise IndexError
