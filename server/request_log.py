"""Gives each request an id, echoes it in the response, and logs one compact line per request at level info.

It wraps the WSGI application instead of hooking into Flask, whose hooks cost ten times as much per request.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from server.logs import is_logged

HEADER = "X-Request-Id"
ENVIRON_KEY = "opsin.request_id"  # under which the application finds the id
SERVED_KEY = "opsin.served"  # under which it leaves name and version of the model that answered
TRACE_KEY = "opsin.trace"  # under which whoever traces it leaves what names the trace in the log
USABLE_ID = re.compile(r"[\x21-\x7e]{1,128}")
MAX_LOGGED_CHARACTERS = 200

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

log = logging.getLogger("opsin.access")


def with_request_id(
    application: WSGIApplication,
    *,
    headers: Sequence[tuple[str, str]] = (),
    note: Callable[[str, str, int, float], None] = lambda _path, _method, _status, _duration_s: None,
    clock: Callable[[], float] = time.monotonic,
) -> WSGIApplication:
    """Wrap an application so that each request has an id: the client's X-Request-Id if usable, else a new one.

    Args:
        application: finds the id under ``environ[ENVIRON_KEY]``.
        headers: added to every response, beside the id.
        note: called with each response before it leaves: path, method, status, and its time in seconds.
        clock: monotonic, in seconds.
    """

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request_id = environ[ENVIRON_KEY] = usable_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        started = clock()

        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            method, code, duration_s = environ["REQUEST_METHOD"], int(status[:3]), clock() - started
            path = environ.get("PATH_INFO", "")
            if is_logged(logging.INFO):
                text = path.encode("latin-1").decode(errors="replace")  # WSGI gives bytes as if they were latin-1
                log_request(method, text, code, duration_s, request_id, environ=environ)
            note(path, method, code, duration_s)
            return start_response(status, [*own, (HEADER, request_id), *headers], exc_info)

        return application(environ, start)

    return wrapped


def usable_request_id(given: str) -> str:
    """Take the client's id where it is fit for a header and a log, else make one."""
    return given if given and USABLE_ID.fullmatch(given) else os.urandom(8).hex()


def log_request(
    method: str,
    path: str,
    status: int | str,
    duration_s: float,
    request_id: str,
    *,
    environ: Mapping[str, Any] | None = None,
) -> None:
    """Log a request that has been answered; ``environ`` is what more is known of it."""
    if not is_logged(logging.INFO) or not log.isEnabledFor(logging.INFO):
        return
    path, environ = printable(path), environ or {}
    fields = {
        "request_id": request_id,
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(1000 * duration_s, 1),
    }
    if (length := environ.get("CONTENT_LENGTH", "")).isascii() and length.isdigit():
        fields["request_bytes"] = int(length)
    if SERVED_KEY in environ:
        fields["model"], fields["version"] = environ[SERVED_KEY]
    if TRACE_KEY in environ:
        fields |= environ[TRACE_KEY]
    text = ("%s %s %s %.1f ms id=%s", method, path, status, 1000 * duration_s, request_id)
    log.info(*text, extra={"fields": fields})


def printable(text: str) -> str:
    """Make text from a client fit for a line of a log: no control characters, of bounded length."""
    cut = text if len(text) <= MAX_LOGGED_CHARACTERS else text[:MAX_LOGGED_CHARACTERS] + "..."
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in cut)
