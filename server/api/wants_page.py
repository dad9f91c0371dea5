"""Tells who wants a page from who wants JSON, by the Accept header."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

MAX_ACCEPT_CHARACTERS = 1000  # browsers write 200; to weigh 100,000 took 80 ms


def wants_page(environ: dict[str, Any]) -> bool:
    """Tell a browser, which prefers HTML, from a program, which takes JSON or anything, by a request's environ."""
    accepts: str = environ.get("HTTP_ACCEPT", "")
    if len(accepts) > MAX_ACCEPT_CHARACTERS or "text/" not in accepts.lower():
        return False  # as most programs; no need to weigh what they do accept
    accepted = parse_accept_header(accepts, MIMEAccept)
    return accepted.quality("text/html") > accepted.quality("application/json")
