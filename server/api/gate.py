"""The gate: decides who is let in, and how often, before the application is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from server.api.client_address import client_address
from server.api.errors import error_response
from server.api.keys import ApiKeys
from server.api.requests_in_hand import RequestsInHand
from server.http.limits import Headers
from server.request_errors import InvalidApiKey, MissingApiKey, RateLimited, RequestError
from server.request_log import WSGIApplication
from server.setting_values import Network

# What shows nothing but the server's own state and files. All else, what does not exist too, is for those with a key.
OPEN_PATHS = frozenset(("/", "/healthz", "/readyz"))
OPEN_FOLDER = "/static/"
BEARER = "bearer "


class Gate:
    """Answers 401 to whoever has no key, and 429 to whoever asks too much; the body of such a request is not looked at.

    Args:
        application: what the others are let in to.
        keys: None: nobody needs one.
        wait_s: counts a request of a client, and tells in how many seconds it may ask if not now; None: it always may.
        in_hand: None: everybody may have as many requests in hand as it likes.
        proxies: that are believed when they say whose request it is.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        keys: ApiKeys | None = None,
        wait_s: Callable[[str], float | None] | None = None,
        in_hand: RequestsInHand | None = None,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._application, self._proxies = application, proxies
        self._keys, self._wait_s, self._in_hand = keys, wait_s, in_hand

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, or say why not."""
        if is_open(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        try:
            client = self._admitted_client(environ)
        except RequestError as refusal:
            return error_response(refusal)(environ, start_response)
        if self._in_hand is None:
            return self._application(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._in_hand.end(client)

    def may_send(self, headers: Headers) -> bool:
        """Tell before a body is read whether it is anybody's with a key: strangers take no memory."""
        names = {"AUTHORIZATION": "HTTP_AUTHORIZATION", "X-API-KEY": "HTTP_X_API_KEY"}
        key = presented_key({names[name]: value for name, value in headers if name in names})
        return self._keys is None or self._keys.name_of(key) is not None

    def _admitted_client(self, environ: dict[str, Any]) -> str:
        """Find who asks, and count the request; raises MissingApiKey, InvalidApiKey or RateLimited."""
        key = presented_key(environ) if self._keys else ""
        name = self._keys.name_of(key) if self._keys and key else None
        client = f"key {name}" if name else client_address(environ, self._proxies)
        wait_s = self._wait_s(client) if self._wait_s else None
        if wait_s is not None:
            raise RateLimited("this client asks more often than it may, try again later", wait_s=wait_s)
        if self._keys and not key:
            raise MissingApiKey("an API key is needed, in the header Authorization: Bearer <key> or X-API-Key: <key>")
        if self._keys and not name:
            raise InvalidApiKey("the API key is not known, or no longer")
        if self._in_hand and not self._in_hand.begin(client):
            raise RateLimited("this client has as many requests in hand as it may, try again later", wait_s=1)
        return client


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
