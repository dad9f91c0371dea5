"""The gate: decides who is let in, and how often, before the application is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from models.errors import OpsinError
from server.api.client_address import client_address
from server.api.errors import error_response
from server.api.keys import ApiKeys
from server.api.requests_in_hand import RequestsInHand
from server.http.limits import Headers
from server.request_errors import InvalidApiKey, MissingApiKey, RateLimited, RequestError
from server.request_log import WSGIApplication
from server.setting_values import Network

# What shows nothing but the server's own state and files. All else, what does not exist too, is for those with a key.
OPEN_PATHS = frozenset(("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"))
OPEN_FOLDER = "/static/"
BEARER = "bearer "
# Of the headers of a request, those that say whose it is.
TELLING = {
    "AUTHORIZATION": "HTTP_AUTHORIZATION",
    "X-API-KEY": "HTTP_X_API_KEY",
    "X-FORWARDED-FOR": "HTTP_X_FORWARDED_FOR",
}


class Rates(Protocol):
    """How often a client may ask: `server.api.rate_limits.RateLimits`, whose library is loaded where it is used."""

    def wait_s(self, client: str) -> float | None:
        """Count a request; None: it is let in."""

    def refused_s(self, client: str) -> float | None:
        """Tell without counting whether a request would be refused; None: not as far as is known."""


class Gate:
    """Answers 401 to whoever has no key, and 429 to whoever asks too much; the body of such a request is not read.

    Args:
        application: what the others are let in to.
        keys: None: nobody needs one.
        rates: None: everybody may ask as often as it likes.
        in_hand: None: everybody may have as many requests in hand as it likes.
        proxies: that are believed when they say whose request it is.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        keys: ApiKeys | None = None,
        rates: Rates | None = None,
        in_hand: RequestsInHand | None = None,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._application, self._proxies = application, proxies
        self._keys, self._rates, self._in_hand = keys, rates, in_hand

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, or say why not."""
        if is_open(environ["PATH_INFO"]):
            return self._application(environ, start_response)
        try:
            client = self._admitted_client(environ)
        except RequestError as refusal:
            return error_response(refusal, environ["PATH_INFO"])(environ, start_response)
        if self._in_hand is None:
            return self._application(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._in_hand.end(client)

    def body_refusal(self, headers: Headers, address: str) -> OpsinError | None:
        """Tell by a request's head why its body is not worth reading; None: it is.

        Nothing is counted: that is done, and the request refused, when the application is called.
        """
        told: dict[str, str] = {"REMOTE_ADDR": address}
        for name, value in headers:
            if (key := TELLING.get(name)) is not None:
                told[key] = f"{told[key]},{value}" if key in told else value
        client, refusal = self._identify(told)
        if refusal is None and self._rates and (wait_s := self._rates.refused_s(client)) is not None:
            return _too_often(wait_s)
        if refusal is None and self._in_hand and self._in_hand.is_full(client):
            return _too_much_in_hand()
        return refusal

    def _admitted_client(self, environ: dict[str, Any]) -> str:
        """Find who asks, and count the request; raises MissingApiKey, InvalidApiKey or RateLimited."""
        client, refusal = self._identify(environ)
        wait_s = self._rates.wait_s(client) if self._rates else None
        if wait_s is not None:
            raise _too_often(wait_s)
        if refusal is not None:
            raise refusal
        if self._in_hand and not self._in_hand.begin(client):
            raise _too_much_in_hand()
        return client

    def _identify(self, environ: dict[str, Any]) -> tuple[str, RequestError | None]:
        """Find who asks, and what is wrong with the key."""
        key = presented_key(environ) if self._keys else ""
        name = self._keys.name_of(key) if self._keys and key else None
        client = f"key {name}" if name else client_address(environ, self._proxies)
        if self._keys is None or name:
            return client, None
        if not key:
            where = "in the header Authorization: Bearer <key> or X-API-Key: <key>"
            return client, MissingApiKey(f"an API key is needed, {where}")
        return client, InvalidApiKey("the API key is not known, or no longer")


def _too_often(wait_s: float) -> RateLimited:
    return RateLimited("this client asks more often than it may, try again later", wait_s=wait_s)


def _too_much_in_hand() -> RateLimited:
    return RateLimited("this client has as many requests in hand as it may, try again later", wait_s=1)


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
