"""All that the server uses of gunicorn without gunicorn's documentation promising that it stays.

Nothing else in the server imports gunicorn, but for the documented ``gunicorn.app.base``. Each name that is used or
overridden here stands in tests/server/test_gunicorn_internals.py, which fails by that name when a newer gunicorn lacks
or changes it. Written against gunicorn 27.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, NoReturn

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer as HaltServer
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
from gunicorn.workers.base import Worker
from setproctitle import setproctitle

from server.logs import change_level
from server.request_errors import MalformedRequest

log = logging.getLogger("opsin.server")

CHUNK_EXTENSIONS: bytes = CHUNK_EXT_RE.pattern  # what may follow the size of a chunk
WORKER_BOOT_ERROR: int = Arbiter.WORKER_BOOT_ERROR
HELD_BACK = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP)  # while a worker is forked
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


class WorkerProcess(Worker):  # type: ignore[misc]
    """Gunicorn's worker, for a master that forks with signals held back."""

    def init_signals(self) -> None:
        """Leave what a terminal sends to every process to the master: it tells the workers when to finish."""
        super().init_signals()
        for from_terminal in (signal.SIGINT, signal.SIGHUP):
            signal.signal(from_terminal, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)  # the master forks with them held back

    def handle_quit(self, _signal: int, _frame: object) -> NoReturn:
        """End at once: an exception would be reported where it comes as the interpreter waits for threads."""
        os._exit(0)

    @property
    def signal_fd(self) -> int:
        """Becomes readable when a signal has come."""
        fd: int = self.PIPE[0]
        return fd

    @property
    def has_lost_master(self) -> bool:
        """Whether the master has died."""
        return bool(self.ppid != os.getppid())


class MasterProcess(Arbiter):  # type: ignore[misc]
    """Gunicorn's master, which looks after other children too; a Ctrl-C is as gentle as SIGTERM, a second one is not.

    Args:
        app: gunicorn's application.
        min_workers: how many there are always to be.
        max_workers: how many there may ever be.
        class_of_next: chooses the class of the worker that is to be forked.
        check_children: looks after the other children: first of all, once a second, and when any child has ended.
        stop_children: ends them, when no worker needs them any more.
    """

    def __init__(
        self,
        app: Any,
        *,
        min_workers: int,
        max_workers: int,
        class_of_next: Callable[[MasterProcess], type[WorkerProcess]],
        check_children: Callable[[MasterProcess], None],
        stop_children: Callable[[], None],
    ) -> None:
        super().__init__(app)
        self._min_workers, self._max_workers, self._class_of_next = min_workers, max_workers, class_of_next
        self._check_children, self._stop_children = check_children, stop_children

    @property
    def is_stopping(self) -> bool:
        """Whether the server ends; it has let go of its port then."""
        return not self.LISTENERS

    @property
    def workers(self) -> list[Any]:
        """Those that run."""
        return list(self.WORKERS.values())

    def start(self) -> None:
        """Start the other children first: they have most to load."""
        self._check_children(self)
        super().start()

    def close_inherited(self) -> None:
        """Close in another child what it has of gunicorn: the port, and the files by which workers show life."""
        for listener in self.LISTENERS:
            listener.close()
        for worker in self.workers:
            worker.tmp.close()

    def handle_int(self) -> None:
        """Finish what is in hand, then end."""
        self.handle_term()

    def handle_hup(self) -> None:
        """Not offered: the settings are those of the start, and the models follow the repository by themselves."""
        log.warning("SIGHUP has no effect")

    def handle_ttin(self) -> None:
        """Start one more worker, up to the number that there may be."""
        if self.num_workers < self._max_workers:
            super().handle_ttin()

    def handle_ttou(self) -> None:
        """Have one worker less, down to the number that there should always be."""
        if self.num_workers > self._min_workers:
            super().handle_ttou()

    def handle_usr2(self) -> None:
        """Change the log level; a second server, for which gunicorn takes this signal, would need the port."""
        change_level()

    def manage_workers(self) -> None:
        """Keep as many workers as there should be."""
        setproctitle("opsin: master")
        super().manage_workers()

    def spawn_worker(self) -> Any:
        """Fork with signals held back until the worker handles them (see WorkerProcess.init_signals).

        The child inherits the master's handlers: a SIGTERM before it has its own would be put into a queue that nobody
        reads, and the server would stop only when its time of grace is over. A SIGHUP, from a terminal that is closed,
        would end it in the instant in which gunicorn takes the inherited handler away.
        """
        self.worker_class = self._class_of_next(self)
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)

    def reap_workers(self) -> None:
        """Look after the other children first, whose end gunicorn would take for a stranger's.

        And halt because a worker could not start, but once: gunicorn 27 raises again where two could not.
        """
        self._check_children(self)
        try:
            super().reap_workers()
        except HaltServer:
            if not self.is_stopping:  # else it halts already
                raise

    def murder_workers(self) -> None:
        """Kill what hangs, workers and others; called once a second."""
        self._check_children(self)
        super().murder_workers()

    def stop(self, graceful: bool = True) -> None:
        """End the workers, then the other children."""
        super().stop(graceful)
        self._stop_children()
