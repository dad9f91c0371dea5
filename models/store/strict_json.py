"""JSON without surprises: bounded in size and depth, no duplicate keys, no NaN, nothing that JSON cannot say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

MAX_DEPTH = 32


def parse_object(data: bytes, what: str, *, max_bytes: int) -> dict[str, Any]:
    """Read one JSON object from UTF-8 bytes; `what` names it in errors.

    Raises:
        ValueError: too large, not UTF-8, not JSON, no object, a key twice, NaN or Infinity, nested too deeply.
    """
    if len(data) > max_bytes:
        raise ValueError(f"{what} is larger than the limit of {max_bytes} bytes")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique_keys)
    except RecursionError:
        raise ValueError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not UTF-8 text") from None
    except ValueError as error:
        raise ValueError(f"{what} is not well-formed JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{what} must hold a JSON object, got {type(value).__name__}")
    record: dict[str, Any] = plain(value, what)
    return record


def plain(value: object, what: str, *, depth: int = 1) -> Any:
    """Copy a value deeply, as plain dict (keys sorted), list, str, int, float, bool and None.

    Raises:
        ValueError: it holds something JSON cannot say, such as NaN, a key that is no string, or an array; names where.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"{what} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if others := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"the keys of {what} must be strings, got {others[0]!r}")
        # A key that is no identifier is quoted, so that an error stays on its line.
        places = {key: f"{what}.{key}" if key.isidentifier() else f"{what}[{key!r}]" for key in sorted(value)}
        return {plain(key, what): plain(value[key], place, depth=depth + 1) for key, place in places.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{what}[{index}]", depth=depth + 1) for index, item in enumerate(value)]
    if type(value) in (bool, int, type(None)) or (type(value) is str and value.isascii()):
        return value
    if type(value) is float and isfinite(value):
        return value
    try:
        return json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise ValueError(f"{what} must be Unicode text, got {value!a}") from None
    except ValueError:
        raise ValueError(f"{what} must be a finite number, got {value}") from None
    except TypeError:
        raise ValueError(f"{what} must be JSON, got {type(value).__name__}") from None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return record
