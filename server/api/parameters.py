"""Splits the value of a header from its parameters, in a time that no client can stretch."""

from __future__ import annotations

from werkzeug.http import parse_options_header

from server.request_errors import RequestError

MAX_SEMICOLONS = 100  # werkzeug takes as long for one of them as for a hundred other characters


def split_parameters(value: str | None) -> tuple[str, dict[str, str]]:
    """Split `form-data; name="image"`; raises RequestError where there are too many parameters."""
    if value is not None and value.count(";") > MAX_SEMICOLONS:
        raise RequestError(f"a header may have at most {MAX_SEMICOLONS} parameters")
    return parse_options_header(value)
