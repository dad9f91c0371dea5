"""Tells whose request it is behind proxies; only those that are named are believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from server.setting_values import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOPS = 20  # of X-Forwarded-For; a client may write as many as it likes in front of them
SITE_BITS = 64  # of an IPv6 address: what one customer has at least (RFC 6177)


def client_address(environ: dict[str, Any], proxies: Sequence[Network]) -> str:
    """Find the address of a client, of IPv6 the network of its site.

    It is the peer's, unless that is a proxy that is named; then the last of X-Forwarded-For that is no such proxy. What
    stands before it is the client's own text.
    """
    address = _parsed(environ["REMOTE_ADDR"])
    if address is None:  # no address, such as that of a Unix socket
        return str(environ["REMOTE_ADDR"])
    hops = environ.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", MAX_HOPS)[-MAX_HOPS:] if proxies else []
    while hops and any(address in network for network in proxies):
        hop = _parsed(hops.pop())
        if hop is None:
            break
        address = hop
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, SITE_BITS), strict=False))
    return str(address)


def _parsed(text: str) -> Address | None:
    """Read an address as proxies write it, with or without a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
