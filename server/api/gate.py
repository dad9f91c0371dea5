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
PAGE = "/"  # shows more to those with a key
IS_KNOWN = "opsin.is_known"  # in the environ of a request for the page: whether its key lets it in


def refusal_as_json(refusal: RequestError, environ: dict[str, Any]) -> WSGIApplication:
    """Answer as a program wants it."""
    return error_response(refusal, environ["PATH_INFO"])


class Gate:
    """Answers 401 to whoever has no key, and 429 to whoever asks too much; the body of such a request is not read.

    Args:
        refuse: makes the answer to a request that is not let in.
    """

    def __init__(
        self,
        application: WSGIApplication,
        keeper: Gatekeeper,
        *,
        refuse: Callable[[RequestError, dict[str, Any]], WSGIApplication] = refusal_as_json,
    ) -> None:
        self._application, self._keeper, self._refuse = application, keeper, refuse

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, or say why not."""
        if is_open(path := environ["PATH_INFO"]):
            if path == PAGE:
                environ[IS_KNOWN] = self._keeper.knows(environ)
            return self._application(environ, start_response)
        try:
            client = self._keeper.admit(environ)
        except RequestError as refusal:
            return self._refuse(refusal, environ)(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._keeper.leave(client)


def is_open(path: str) -> bool:
    """Tell whether a path is for everybody: health checks and the page."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
