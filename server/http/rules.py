"""What RFC 9112 has a server refuse of a request's head, and gunicorn's grammar takes.

A proxy in front may read such a head otherwise, or pass on what another server would refuse.
"""

from __future__ import annotations

import re

from server.gunicorn_internals.request import Request
from server.request_errors import MalformedRequest

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)"
_AUTHORITY = rf"{_HOST}(?::[0-9]*)?"  # RFC 9110, section 7.2; a user's name and password have no place in it
# RFC 3986 has none of "<>\^`{|} in a URI; browsers send the last six in a query as they are, so they may stand there.
_PATH_AND_QUERY = r'(?:/[^"<>\\^`{|}#?]*)?(?:\?[^"<>#]*)?'
_TARGET = re.compile(rf"(?:[Hh][Tt][Tt][Pp][Ss]?://{_AUTHORITY}|(?=/)){_PATH_AND_QUERY}")
_HOST_FIELD = re.compile(_AUTHORITY)
_OF_CONNECT = re.compile(rf"{_HOST}:[0-9]+")


def check_head(request: Request) -> None:
    """Check the target and the Host of a request (RFC 9112, section 3.2).

    Raises:
        MalformedRequest: one of them is not as it must be; says which.
    """
    hosts = [value for name, value in request.headers if name == "HOST"]
    if not hosts and request.version >= (1, 1):
        raise MalformedRequest("HTTP/1.1 takes a Host header")
    if hosts and not _HOST_FIELD.fullmatch(hosts[0]):
        raise MalformedRequest(f"the Host must be a name or an address, and maybe a port, got {hosts[0]!r}")
    form = _OF_CONNECT if request.method == "CONNECT" else _TARGET
    if not form.fullmatch(request.uri) and (request.method, request.uri) != ("OPTIONS", "*"):
        raise MalformedRequest(f"the target must be a path or an http URL without a fragment, got {request.uri!r}")
