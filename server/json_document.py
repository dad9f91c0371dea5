"""Parses the JSON of a request in bounded time: parsing keeps all other threads from running."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from server.request_errors import RequestError

MAX_NUMBERS = 2**20  # of a request, which take 50 ms to parse
LARGE_BYTES = 2**18
_large = threading.Lock()  # of large documents one is parsed at a time


def parse_object(body: bytes | bytearray | memoryview, *, instead: str) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        body: UTF-8.
        instead: how to send more numbers than may stand in it.

    Raises:
        RequestError: it is none, or holds too much.
    """
    content = bytes(body) if isinstance(body, memoryview) else body
    if content.count(b",") + content.count(b"[") > MAX_NUMBERS + MAX_NUMBERS // 2:
        raise RequestError(f"the JSON may have at most {MAX_NUMBERS:,} numbers; send {instead}")
    try:
        if len(content) < LARGE_BYTES:
            document = parse_json(content)
        else:
            with _large:
                document = parse_json(content)
    except RecursionError:
        raise RequestError("the JSON is nested too deep") from None
    if not isinstance(document, dict):
        raise RequestError(f"the request must be a JSON object, got {type(document).__name__}")
    return document


def parse_json(content: bytes | bytearray) -> Any:
    """Parse JSON, whose size has been looked at.

    Raises:
        RequestError: it is none, or has a number of more digits than Python reads.
        RecursionError: it is nested too deep.
    """
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise RequestError("the body is not JSON") from None
    except ValueError:
        most = sys.get_int_max_str_digits()
        raise RequestError(f"a whole number in the JSON may have at most {most:,} digits, one has more") from None
