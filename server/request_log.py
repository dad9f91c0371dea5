"""Gives each request an id, echoes it in the answer, and logs one compact line per request at level info."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable

from flask import Flask, Response, g, request

HEADER = "X-Request-Id"
USABLE_ID = re.compile(r"[\x21-\x7e]{1,128}")
MAX_LOGGED_CHARACTERS = 200

log = logging.getLogger("opsin.access")


def configure_logging(level: str) -> None:
    """Send the server's logs to stderr, one line each, from ``level`` up. Call it once per process tree."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("opsin")
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def current_request_id() -> str:
    """Tell the id of the request being answered."""
    request_id: str = g.request_id
    return request_id


def printable(text: str) -> str:
    """Make text from a client fit for a line of a log: no control characters, of bounded length."""
    shown = text if len(text) <= MAX_LOGGED_CHARACTERS else text[:MAX_LOGGED_CHARACTERS] + "..."
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in shown)


def identify_requests(app: Flask, clock: Callable[[], float] = time.monotonic) -> None:
    """Install the hooks: the client's X-Request-Id where it is usable, else one made here."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if USABLE_ID.fullmatch(given) else os.urandom(8).hex()
        g.started = clock()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[HEADER] = g.request_id
        if log.isEnabledFor(logging.INFO):
            duration_ms = 1000 * (clock() - g.started)
            what = f"{request.method} {printable(request.path)}"
            log.info("%s %d %.1f ms id=%s", what, response.status_code, duration_ms, g.request_id)
        return response
