"""A request as gunicorn's parser reads it, of bytes that have come and without waiting for more."""

from __future__ import annotations

from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

from gunicorn.http.body import CHUNK_EXT_RE, ChunkedReader
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request as GunicornRequest
from gunicorn.http.message import _ip_in_allow_list

from server.request_errors import MalformedRequest

CHUNK_EXTENSIONS: bytes = CHUNK_EXT_RE.pattern  # what may follow the size of a chunk
STATUSES = {
    LimitRequestLine: 414,
    LimitRequestHeaders: 431,
    UnsupportedTransferCoding: 501,
    ExpectationFailed: 417,
}


def plain_settings(cfg: Any) -> SimpleNamespace:
    """Copy gunicorn's settings into plain attributes: its parser reads some twenty of them for each request."""
    values = {name: setting.get() for name, setting in cfg.settings.items()}
    values["http_parser"] = "python"  # whatever else is installed
    values |= {"is_ssl": cfg.is_ssl, "forwarded_allow_networks": cfg.forwarded_allow_networks}
    values["is_trusted_proxy"] = lru_cache(maxsize=1024)(partial(_is_allowed_proxy, cfg))  # ten times as fast as a look
    return SimpleNamespace(**values)


def is_trusted_proxy(settings: Any, address: Any) -> bool:
    """Tell whether what has a client's address may say how it was asked, as a trusted proxy may, and a local socket."""
    return not isinstance(address, tuple) or settings.is_trusted_proxy(address[0])


def _is_allowed_proxy(cfg: Any, host: str) -> bool:
    return bool(_ip_in_allow_list(host, cfg.forwarded_allow_ips, cfg.forwarded_allow_networks()))


def parse_request(data: bytes, settings: Any, address: Any, number: int) -> tuple[Request, bytes] | None:
    """Parse the head of a request.

    Args:
        data: what has come of it, and maybe more.
        settings: see ``plain_settings``.
        address: the client's; which headers are believed depends on it.
        number: of the request on its connection, from 1.

    Returns:
        The request, and what follows its head; None where more has to come.

    Raises:
        MalformedRequest: it is not valid HTTP, or has more bytes or fields than allowed.
    """
    source = _Source(data)
    try:
        return Request(settings, source, address, number), source.data
    except _HeadIncompleteError:
        return None
    except ParseException as error:
        raise _malformed(error) from error


class Request(GunicornRequest):  # type: ignore[misc]
    """A request whose head has come. The grammar, and what is refused for safety's sake, is gunicorn's.

    Attributes:
        headers: names in capitals, and values; names with an underscore are dropped, as they could pass for others.
        num_body_bytes: as the client announced it; None where the body is chunked.
        expects_continue: whether the client waits to be told that it may send the body.
        exceeds_budget: whether the body was given up because too many bytes of uploads are in memory.
        body: what the application reads it from.
        of_head: what others have worked out from the head alone, for all requests with that head (`again`).
    """

    method: str
    uri: str
    path: str
    query: str
    version: tuple[int, int]
    scheme: str
    headers: list[tuple[str, str]]
    num_body_bytes: int | None
    expects_continue: bool
    exceeds_budget = False
    body: Any
    of_head: dict[str, Any]

    def __init__(self, settings: Any, source: _Source, address: Any, number: int) -> None:
        super().__init__(settings, source, address, number)
        self.of_head = {}

    def again(self, address: Any, length: str) -> Request:
        """Make the request of a head of the same bytes, but for another Content-Length, where there is one.

        Args:
            address: of the client.
            length: digits; empty where this one has none.
        """
        other = object.__new__(Request)
        other.__dict__ = {**self.__dict__, "peer_addr": address, "remote_addr": address}
        if length:
            other.num_body_bytes = int(length)
            other.headers = [(name, length if name == "CONTENT-LENGTH" else value) for name, value in self.headers]
        return other

    def set_body_reader(self) -> None:
        """Find out how the body is framed; gunicorn's readers wait for it, so the caller has others."""
        super().set_body_reader()
        reader = self.body.reader
        self.num_body_bytes = None if isinstance(reader, ChunkedReader) else reader.length
        self.expects_continue = self._expected_100_continue
        self.body = None

    def _peer_is_trusted_proxy(self) -> bool:
        """Tell whether the client may say how it was asked; gunicorn reads its address anew for each request."""
        return is_trusted_proxy(self.cfg, self.peer_addr)

    def should_close(self) -> bool:
        """Tell whether the connection ends with this request, as any of its Connection options may say.

        RFC 9112, section 9.6; gunicorn looks at the first field alone, and not into a list.
        """
        if self.must_close:
            return True
        if (is_last := self.of_head.get("is_last")) is None:
            values = [value for name, value in self.headers if name == "CONNECTION"]
            options = {option.strip(" \t").lower() for value in values for option in value.split(",")}
            is_last = "close" in options or (self.version <= (1, 0) and "keep-alive" not in options)
            is_last = self.of_head["is_last"] = is_last or self.method == "CONNECT"
        return bool(is_last)

    def check_trailer(self, fields: bytes) -> None:
        """Check the fields behind a chunked body, which nobody reads.

        Raises:
            MalformedRequest: they are no fields, or such as may not stand there.
        """
        try:
            self.parse_headers(fields, from_trailer=True)
        except ParseException as error:
            raise _malformed(error) from error


class _HeadIncompleteError(Exception):
    pass


class _Source:
    """Gives gunicorn's parser the bytes that have come, and stops it where it would wait for more."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        data, self.data = self.data, b""
        if not data:
            raise _HeadIncompleteError
        return data

    def unread(self, data: bytes) -> None:
        self.data = data + self.data


def _malformed(error: ParseException) -> MalformedRequest:
    return MalformedRequest(str(error), STATUSES.get(type(error), 400))
