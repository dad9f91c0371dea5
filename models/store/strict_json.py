"""JSON without surprises: bounded in size and depth, no duplicate keys, no NaN, nothing that JSON cannot say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

MAX_DEPTH = 32


def parse_object(data: bytes, what: str, *, max_bytes: int) -> dict[str, Any]:
    """Read one JSON object from UTF-8 bytes; `what` names it in errors.

    Raises:
        ValueError: too large, not UTF-8, not JSON, no object, a key twice, NaN or Infinity, nested too deeply.
    """
    if len(data) > max_bytes:
        raise ValueError(f"{what} is larger than the limit of {max_bytes} bytes")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
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
    """A deep copy of `value` made of plain dict (keys sorted), list, str, int, float, bool and None.

    Raises:
        ValueError: it holds something JSON cannot say, such as NaN, a key that is no string, or an array; names where.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"{what} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {key: plain(value[key], _inside(what, key), depth=depth + 1) for key in _sorted_keys(value, what)}
    if isinstance(value, list | tuple):
        return [plain(item, f"{what}[{index}]", depth=depth + 1) for index, item in enumerate(value)]
    return _plain_scalar(value, what)


def _plain_scalar(value: object, what: str) -> str | int | float | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, what)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{what} must be a finite number, got {value}")
        return float(value)
    raise ValueError(f"{what} must be JSON, got {type(value).__name__}")


def _sorted_keys(value: Mapping[Any, object], what: str) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"the keys of {what} must be strings, got {key!r}")
        _text(key, what)
    return sorted(value)


def _inside(what: str, key: str) -> str:
    return f"{what}.{key}" if key.isidentifier() else f"{what}[{key!r}]"  # so that an error stays on its line


def _text(value: str, what: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} must be Unicode text, got {value!a}") from None
    return str.__str__(value)  # the text itself where a string enum is given


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return record


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
