"""The gate: decides who is let in before the application is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.api.errors import error_response
from server.api.keys import ApiKeys
from server.request_errors import InvalidApiKey, MissingApiKey, RequestError
from server.request_log import WSGIApplication

# What shows nothing but the server's own state and files. All else, what does not exist too, is for those with a key.
OPEN_PATHS = frozenset(("/", "/healthz", "/readyz"))
OPEN_FOLDER = "/static/"
BEARER = "bearer "


class Gate:
    """Answers 401 to whoever has no key; the body of such a request is not looked at."""

    def __init__(self, application: WSGIApplication, keys: ApiKeys) -> None:
        self._application, self._keys = application, keys

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, or say why not."""
        refusal = None if is_open(environ["PATH_INFO"]) else self._refusal(environ)
        if refusal is None:
            return self._application(environ, start_response)
        return error_response(refusal)(environ, start_response)

    def _refusal(self, environ: dict[str, Any]) -> RequestError | None:
        key = presented_key(environ)
        if not key:
            return MissingApiKey("an API key is needed, in the header Authorization: Bearer <key> or X-API-Key: <key>")
        if self._keys.name_of(key) is None:
            return InvalidApiKey("the API key is not known, or no longer")
        return None


def is_open(path: str) -> bool:
    """Tell whether a path is for everybody: health checks and the page."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def presented_key(environ: dict[str, Any]) -> str:
    """Take the key of a request; a proxy's own Authorization beside it, such as Basic, does no harm."""
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    key: str = environ.get("HTTP_X_API_KEY", "")
    return key.strip()
