"""The gate: stands before the application, which is called for whom the gatekeeper lets in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.api.errors import error_response
from server.api.gatekeeper import Gatekeeper
from server.request_errors import RequestError
from server.request_log import WSGIApplication

# What shows nothing but the server's own state and files. All else, what does not exist too, is for those with a key.
OPEN_PATHS = frozenset(("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"))
OPEN_FOLDER = "/static/"


class Gate:
    """Answers 401 to whoever has no key, and 429 to whoever asks too much; the body of such a request is not read."""

    def __init__(self, application: WSGIApplication, keeper: Gatekeeper) -> None:
        self._application, self._keeper = application, keeper

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, or say why not."""
        if is_open(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        try:
            client = self._keeper.admit(environ)
        except RequestError as refusal:
            return error_response(refusal, environ["PATH_INFO"])(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._keeper.leave(client)


def is_open(path: str) -> bool:
    """Tell whether a path is for everybody: health checks and the page."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
