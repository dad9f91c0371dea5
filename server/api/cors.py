"""Lets scripts of named origins read the answers (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.request_log import WSGIApplication

ANY = "*"
METHODS = "GET, HEAD, POST"
REQUEST_HEADERS = "Authorization, Content-Type, X-API-Key, X-Request-Id, X-Request-Timeout-Ms, X-Session-Id"
# That a script may read, beside the usual ones.
RESPONSE_HEADERS = "Retry-After, Server-Timing, X-Model-Name, X-Model-Version, X-Request-Id"
MAX_AGE_S = 600  # for which a browser remembers that it may

Headers = list[tuple[str, str]]


def is_allowed(origin: str, origins: tuple[str, ...]) -> bool:
    """Tell whether scripts of an origin may read answers."""
    return bool(origin) and (ANY in origins or origin in origins)


def cors_headers(origin: str, origins: tuple[str, ...]) -> Headers:
    """Say who may read an answer, be it a refusal.

    Args:
        origin: of the request, empty where it has none.
        origins: that are allowed.
    """
    if not origins:
        return []
    headers: Headers = [] if ANY in origins else [("Vary", "Origin")]
    if is_allowed(origin, origins):
        headers.append(("Access-Control-Allow-Origin", ANY if ANY in origins else origin))
        headers.append(("Access-Control-Expose-Headers", RESPONSE_HEADERS))
    return headers


class Cors:
    """Answers a browser that asks what it may, and says of each answer who may read it.

    Credentials are never allowed, so a browser sends no cookies; an API key is a header that the script knows.
    """

    def __init__(self, application: WSGIApplication, origins: tuple[str, ...]) -> None:
        self._application, self._origins = application, origins

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, unless this only asks what it may."""
        origin = environ.get("HTTP_ORIGIN", "")
        headers = cors_headers(origin, self._origins)
        is_preflight = environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        if is_preflight and is_allowed(origin, self._origins):
            asked = [("Access-Control-Allow-Methods", METHODS), ("Access-Control-Allow-Headers", REQUEST_HEADERS)]
            start_response("204 NO CONTENT", [*headers, *asked, ("Access-Control-Max-Age", str(MAX_AGE_S))])
            return []

        def start(status: str, own: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*own, *headers], exc_info)

        return self._application(environ, start)
