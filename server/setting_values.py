"""Turns the text of a setting into its value; a ValueError says what is allowed, and completes "... must be"."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from models.store.reference import ModelReference
from server.whole_number import whole_number

ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")  # as browsers write it: no path
TOKEN = re.compile(r"[\x21-\x7e]{1,1000}")
MAX_RATE, MAX_RATE_S = 1_000_000_000, 366 * 86_400

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def whole(low: int, high: int) -> Callable[[str], int]:
    """Take whole numbers within bounds."""
    return lambda text: whole_number(text, low, high)


def one_of(*allowed: str) -> Callable[[str], str]:
    """Take some words, in capitals too."""

    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return text.lower()

    return parse


def parse_host(text: str) -> str:
    """Take a host name or an address, alone."""
    if not text.isprintable() or any(character in text for character in " /[]"):
        raise ValueError("a host name or an IP address, without port and brackets")
    return text


def parse_flag(text: str) -> bool:
    """Take 0 or 1."""
    if text not in ("0", "1"):
        raise ValueError("0 or 1")
    return text == "1"


def parse_origins(text: str) -> tuple[str, ...]:
    """Split a list of origins (RFC 6454) or asterisks."""
    origins = tuple(part.strip().lower() for part in text.split(","))
    if not all(part == "*" or ORIGIN.fullmatch(part) for part in origins):
        raise ValueError("* or origins such as https://app.example or http://localhost:8080, separated by commas")
    return origins


def parse_networks(text: str) -> tuple[Network, ...]:
    """Split a list of addresses and networks."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise ValueError("addresses or networks such as 10.0.0.0/8, separated by commas") from error


def parse_rate(text: str) -> str:
    """Check limits as the library `limits` reads them."""
    from limits import parse_many  # 0.1 s to import, for those alone who use it

    try:
        limits = parse_many(text)
        if not all(1 <= limit.amount <= MAX_RATE and limit.get_expiry() <= MAX_RATE_S for limit in limits):
            raise ValueError
    except ValueError as error:
        raise ValueError("numbers of requests for a time, such as 10/second;1000/hour, of a year at most") from error
    return text


def parse_redis_url(text: str) -> str:
    """Check the scheme; the rest is for the library to read."""
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError("a URL that begins with redis:// or rediss://")
    return text


def parse_token(text: str) -> str:
    """Check that a header can carry it."""
    if not TOKEN.fullmatch(text):
        raise ValueError("1 to 1,000 letters, digits or other characters of ASCII, without spaces")
    return text


def parse_models(text: str) -> tuple[ModelReference, ...]:
    """Split a list of models."""
    try:
        return tuple(ModelReference.parse(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            "models' names, of a-z 0-9 . _ -, or name:version with a version of 1 or more, separated by commas"
        ) from error


def parse_device(text: str) -> str:
    """Check the form of a device; whether there is such a one is seen later."""
    kind, colon, indices = text.lower().partition(":")
    if kind not in ("auto", "cpu", "gpu") or (colon and (kind != "gpu" or not all(indices.split(",")))):
        raise ValueError("auto, cpu, gpu, or gpu:0,1")
    return text.lower()
