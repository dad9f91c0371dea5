"""Request ids, and the one line of the log for each response, be it the application's or the HTTP front's."""

from __future__ import annotations

import logging
import os
import re

HEADER = "X-Request-Id"
USABLE_ID = re.compile(r"[\x21-\x7e]{1,128}")
MAX_LOGGED_CHARACTERS = 200

log = logging.getLogger("opsin.access")


def usable_request_id(given: str) -> str:
    """Take the client's id where it is fit for a header and a log, else make one."""
    return given if given and USABLE_ID.fullmatch(given) else os.urandom(8).hex()


def printable(text: str) -> str:
    """Make text from a client fit for a line of a log: no control characters, of bounded length."""
    cut = text if len(text) <= MAX_LOGGED_CHARACTERS else text[:MAX_LOGGED_CHARACTERS] + "..."
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in cut)


def log_request(method: str, path: str, status: int, duration_s: float, request_id: str) -> None:
    """Log a request that has been answered."""
    if log.isEnabledFor(logging.INFO):
        log.info("%s %s %d %.1f ms id=%s", method, printable(path), status, 1000 * duration_s, request_id)
