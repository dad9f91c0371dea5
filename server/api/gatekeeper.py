"""The gatekeeper: decides who is let in, and how often, through whichever door they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from models.errors import OpsinError
from server.api.client_address import client_address
from server.api.keys import ApiKeys
from server.api.requests_in_hand import RequestsInHand
from server.api.shared_counts import SharedCounts
from server.http.limits import Headers
from server.request_errors import InvalidApiKey, MissingApiKey, RateLimited, RequestError
from server.setting_values import Network
from server.settings import Settings

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


class Gatekeeper:
    """Knows the clients by their keys or addresses, and counts what they ask.

    Args:
        keys: None: nobody needs one.
        rates: None: everybody may ask as often as it likes.
        in_hand: None: everybody may have as many requests in hand as it likes.
        proxies: that are believed when they say whose request it is.
    """

    def __init__(
        self,
        *,
        keys: ApiKeys | None = None,
        rates: Rates | None = None,
        in_hand: RequestsInHand | None = None,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._keys, self._rates, self._in_hand, self._proxies = keys, rates, in_hand, proxies

    def admit(self, environ: dict[str, Any]) -> str:
        """Find who asks, and count the request.

        Args:
            environ: of the request, as WSGI has it, or as `told_by` gives it.

        Raises:
            MissingApiKey, InvalidApiKey, RateLimited: it is not let in.
        """
        client, refusal = self._identify(environ)
        wait_s = self._rates.wait_s(client) if self._rates else None
        if wait_s is not None:
            raise _too_often(wait_s)
        if refusal is not None:
            raise refusal
        if self._in_hand and not self._in_hand.begin(client):
            raise _too_much_in_hand()
        return client

    def knows(self, environ: dict[str, Any]) -> bool:
        """Tell whether the key of a request lets it in, or none is needed; nothing is counted."""
        return self._identify(environ)[1] is None

    def leave(self, client: str) -> None:
        """Count off the request of a client that `admit` has let in."""
        if self._in_hand is not None:
            self._in_hand.end(client)

    def body_refusal(self, headers: Headers, address: str) -> OpsinError | None:
        """Tell by a request's head why its body is not worth reading; None: it is.

        Nothing is counted: that is done, and the request refused, when the application is called.
        """
        client, refusal = self._identify(told_by(headers, address))
        if refusal is None and self._rates and (wait_s := self._rates.refused_s(client)) is not None:
            return _too_often(wait_s)
        if refusal is None and self._in_hand and self._in_hand.is_full(client):
            return _too_much_in_hand()
        return refusal

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


def make_gatekeeper(
    settings: Settings, counts: SharedCounts, note_alone: Callable[[], None] = lambda: None
) -> Gatekeeper | None:
    """Make the gatekeeper that the settings want; None where everybody may ask as it likes.

    Args:
        settings: checked already.
        counts: of what clients ask, which all processes share.
        note_alone: called for each request that is counted here, as Redis does not answer.
    """
    if not (settings.api_keys_file or settings.rate_limit or settings.max_requests_per_client):
        return None
    return Gatekeeper(
        keys=ApiKeys(settings.api_keys_file) if settings.api_keys_file else None,
        rates=_rates(settings, counts, note_alone) if settings.rate_limit else None,
        in_hand=RequestsInHand(settings.max_requests_per_client) if settings.max_requests_per_client else None,
        proxies=settings.trusted_proxies,
    )


def _rates(settings: Settings, counts: SharedCounts, note_alone: Callable[[], None]) -> Rates:
    from server.api.rate_limits import RateLimits  # 0.1 s to import, for those alone who use it
    from server.api.redis_counts import RedisCounts

    redis = RedisCounts(settings.rate_limit_redis) if settings.rate_limit_redis else None
    return RateLimits(settings.rate_limit or "", counts, redis=redis, note_alone=note_alone)


def _too_often(wait_s: float) -> RateLimited:
    return RateLimited("this client asks more often than it may, try again later", wait_s=wait_s)


def _too_much_in_hand() -> RateLimited:
    return RateLimited("this client has as many requests in hand as it may, try again later", wait_s=1)


def told_by(headers: Headers, address: str) -> dict[str, str]:
    """Take what says whose request it is from its headers, names in capitals, and the peer's address."""
    told = {"REMOTE_ADDR": address}
    for name, value in headers:
        if (key := TELLING.get(name)) is not None:
            told[key] = f"{told[key]},{value}" if key in told else value
    return told


def presented_key(environ: dict[str, Any]) -> str:
    """Take the key of a request; a proxy's own Authorization beside it, such as Basic, does no harm."""
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    key: str = environ.get("HTTP_X_API_KEY", "")
    return key.strip()
