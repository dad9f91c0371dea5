"""Tells who wants a page from who wants JSON, by the Accept header."""

from __future__ import annotations

from flask import Request

MAX_ACCEPT_CHARACTERS = 1000  # browsers write 200; to weigh 100,000 took 80 ms


def wants_page(current: Request) -> bool:
    """Tell a browser, which prefers HTML, from a program, which takes JSON or anything."""
    accepts = current.environ.get("HTTP_ACCEPT", "")
    if len(accepts) > MAX_ACCEPT_CHARACTERS or "text/" not in accepts.lower():
        return False  # as most programs; no need to weigh what they do accept
    accepted = current.accept_mimetypes
    return accepted.quality("text/html") > accepted.quality("application/json")
