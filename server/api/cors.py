"""Lets scripts of named origins read the answers (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.request_log import WSGIApplication

ANY = "*"
METHODS = "GET, HEAD, POST"
REQUEST_HEADERS = "Authorization, Content-Type, X-API-Key, X-Request-Id, X-Request-Timeout-Ms"
RESPONSE_HEADERS = "Retry-After, X-Request-Id"  # that a script may read, beside the usual ones
MAX_AGE_S = 600  # for which a browser remembers that it may

Headers = list[tuple[str, str]]


class Cors:
    """Answers a browser that asks what it may, and says of each answer who may read it.

    Credentials are never allowed, so a browser sends no cookies; an API key is a header that the script knows.
    """

    def __init__(self, application: WSGIApplication, origins: tuple[str, ...]) -> None:
        self._application, self._origins = application, origins

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, unless this only asks what it may."""
        origin = environ.get("HTTP_ORIGIN", "")
        is_allowed = bool(origin) and (ANY in self._origins or origin in self._origins)
        headers: Headers = [] if ANY in self._origins else [("Vary", "Origin")]
        if is_allowed:
            headers.append(("Access-Control-Allow-Origin", ANY if ANY in self._origins else origin))
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                asked = [("Access-Control-Allow-Methods", METHODS), ("Access-Control-Allow-Headers", REQUEST_HEADERS)]
                start_response("204 NO CONTENT", [*headers, *asked, ("Access-Control-Max-Age", str(MAX_AGE_S))])
                return []
            headers.append(("Access-Control-Expose-Headers", RESPONSE_HEADERS))

        def start(status: str, own: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*own, *headers], exc_info)

        return self._application(environ, start)
