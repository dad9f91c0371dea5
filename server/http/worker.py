"""The HTTP worker, as gunicorn runs it: takes connections in, keeps the time, and stops without losing a request.

Gunicorn's own threaded worker gives a request three threads' worth of hand-overs, a thread to every client that is slow
to send, and no limit to what waits for a thread. This one keeps gunicorn's process model and its grammar, and changes
who waits where:

- ``threads``: the threads wait for connections themselves.
- ``connection``, ``parser``: a request gets a thread when it is whole.
- A request for which there is no room is answered 503 at once (`HTTPWorker.admit`), one that is not valid HTTP in JSON
  like every other error.
- When it stops it takes in the connections that the kernel has accepted already, finishes every request in hand, and
  lets connections without one go after half a second.

The main thread owns the listening sockets and the clock; everything about a connection is its threads' affair.
"""

from __future__ import annotations

import errno
import mmap
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from models.errors import OpsinError
from server.gunicorn_internals import Request, WorkerProcess, plain_settings
from server.http.connection import Connection, ConnectionOver
from server.http.limits import Headers, Limits, UploadBudget, everybody_may
from server.http.threads import RequestThread, RequestThreads
from server.http.wsgi import ErrorResponse, call_app, refuse
from server.request_errors import MalformedRequest, Overloaded

TICK_S = 1.0
SHORT_TICK_S = 0.05
IDLE_LINGER_S = 0.5
ACCEPT_DELAY_S = 0.002  # for another worker to take a connection in, if it has fewer
FULL_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Application:
    """What a worker serves.

    Attributes:
        respond: the WSGI application (PEP 3333).
        wait_s_if_full: in how many seconds there will be room for an upload; None while there is.
        error_response: makes status with reason, headers and body of an error, as the application would respond.
        may_send: whether the body of a request is read, by its headers; see `Limits`.
        note_refusal: counts a response that the application was not asked for, by path, method and status; path and
            method are empty where what came was no request.
    """

    respond: Callable[..., Iterable[bytes]]
    wait_s_if_full: Callable[[], float | None]
    error_response: Callable[[OpsinError], ErrorResponse]
    note_refusal: Callable[[str, str, int], None]
    may_send: Callable[[Headers], bool] = everybody_may


class ConnectionCounts:
    """How many connections each HTTP worker has, for every worker to see, so that each gets its share.

    The kernel wakes all workers for a new connection, and the first takes it. Clients that keep theirs stay with that
    worker, so chance at the start decides how well they are served for hours. To be made before the workers are forked;
    each writes its own count alone, so there is nothing to lock.
    """

    def __init__(self, num_workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 8 * num_workers)).cast("q")

    def set(self, worker: int, number: int) -> None:
        """Say how many connections a worker has now."""
        self._counts[worker] = number

    def has_more_than_another(self, worker: int) -> bool:
        """Tell whether a new connection would better be taken by another worker."""
        return self._counts[worker] > min(self._counts)


class HTTPWorker(WorkerProcess):
    """One process that serves connections; see the module.

    Attributes:
        partition: which of the workers it is, from 0; given by the master.
        app: what the master runs, with its ``settings``, ``connection_counts`` and ``tls``, None without it.
        wsgi: the `Application` that it has loaded.
    """

    alive: bool
    partition: int
    app: Any
    wsgi: Application

    def run(self) -> None:
        """Serve until told to stop; gunicorn calls it once, in the process of the worker."""
        settings = self.app.settings
        self._limits = Limits(
            plain_settings(self.cfg),
            max_body_bytes=settings.max_upload_bytes,
            budget=UploadBudget(max(settings.max_uploads_in_hand_bytes, settings.max_upload_bytes)),
            keepalive_s=self.cfg.keepalive,
            read_timeout_s=settings.read_timeout_ms / 1000,
            may_send=self.wsgi.may_send,
        )
        self._connections: set[Connection] = set()
        self._count_connections()
        self._threads = RequestThreads(self._serve, max_busy=self.cfg.threads)
        self._threads.start()
        self._listen()
        self._finish()

    def _listen(self) -> None:
        """Take connections in, one at a time."""
        listeners = {listener.fileno(): listener for listener in self.sockets}
        poll = select.poll()
        poll.register(self.signal_fd, select.POLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
        next_tick = 0.0
        while self.alive:
            if (now := time.monotonic()) >= next_tick:
                next_tick = now + TICK_S
                self.notify()
                self._threads.expire_overdue(now)
                if self.has_lost_master:
                    self.log.info("the master has gone")
                    self.alive = False
                    break
            has_room = len(self._connections) < self.cfg.worker_connections
            for fd in listeners:
                poll.register(fd, select.POLLIN if has_room else 0)
            for fd, _ in poll.poll(1000 * (TICK_S if has_room else SHORT_TICK_S)):
                if fd not in listeners:
                    os.read(fd, 4096)
                    continue
                if self.app.connection_counts.has_more_than_another(self.partition):
                    time.sleep(ACCEPT_DELAY_S)
                self._accept(listeners[fd])

    def _finish(self) -> None:
        """Take in what the kernel has accepted, and finish what is in hand."""
        for listener in self.sockets:
            while self._accept(listener):
                pass
            listener.close()
        now = time.monotonic()
        idle_until, gives_up_at = now + IDLE_LINGER_S, now + self.cfg.graceful_timeout
        while self._connections and now < gives_up_at:
            self.notify()
            for connection in self._threads.waiting:
                if connection.is_idle:
                    connection.deadline = min(connection.deadline, idle_until)
            self._threads.expire_overdue(now)
            time.sleep(SHORT_TICK_S)
            now = time.monotonic()
        self._threads.close()

    def _accept(self, listener: socket.socket) -> bool:
        """Take one connection in, if there is one."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in FULL_FOR_NOW:
                self.log.warning("no connection can be taken in: %s", error.strerror)
                time.sleep(SHORT_TICK_S)
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.app.tls is not None:
            try:
                sock = self.app.tls.wrap(sock)
            except OSError:  # the client has gone
                sock.close()
                return True
        connection = Connection(sock, address, listener.getsockname(), self._limits)
        self._connections.add(connection)
        self._count_connections()
        self._threads.watch(connection)
        return True

    def _count_connections(self) -> None:
        self.app.connection_counts.set(self.partition, len(self._connections))

    def _serve(self, connection: Connection, thread: RequestThread) -> bool:
        """Go on with a connection; False where it has been closed."""
        try:
            if self._respond_to_requests(connection, thread):
                return True
        except MalformedRequest as error:
            self.log.info("%s", error)
            self._refuse(connection, error, None, is_last=True)
        except (ConnectionOver, OSError):
            connection.close()
        except Exception:  # a bug, and nobody knows how much of a response has been sent
            self.log.exception("a request could not be answered")
            connection.close()
        if not connection.linger():
            return True
        self._connections.discard(connection)
        self._count_connections()
        return False

    def _respond_to_requests(self, connection: Connection, thread: RequestThread) -> bool:
        """Respond to what has come; False where that was the connection's last."""
        while not connection.is_lingering:
            request = connection.next_request()
            if request is None:
                return True
            overload, is_last = self.admit(request, thread), not self.alive
            if overload is None:
                respond, when_done = self.wsgi.respond, thread.end_busy
                is_kept = call_app(respond, connection, request, is_last=is_last, when_done=when_done)
            else:
                is_kept = self._refuse(connection, overload, request, is_last=is_last)
            if not is_kept:
                return False
            connection.finish_request()
            if connection.parser.is_idle:
                return True
        return False

    def _refuse(self, connection: Connection, error: OpsinError, request: Request | None, *, is_last: bool) -> bool:
        response = self.wsgi.error_response(error)
        path, method = (request.path, request.method) if request else ("", "")
        self.wsgi.note_refusal(path, method, int(response[0][:3]))
        return refuse(connection, response, request, is_last=is_last)

    def admit(self, request: Request, thread: RequestThread) -> Overloaded | None:
        """Decide whether a request is answered by the application, which costs several times what a refusal does.

        Uploads are refused where too many bytes of them are in memory, where no slot is free for an image, and where no
        thread is free to wait for its response. All else is quick, and answered by whatever thread there is.
        """
        is_upload = request.method == "POST"
        if is_upload and request.exceeds_budget:
            return Overloaded("too many uploads are on their way, try again later", wait_s=1)
        wait_s = self.wsgi.wait_s_if_full() if is_upload else None
        if wait_s is None and not thread.begin_busy() and is_upload:
            wait_s = 0
        if wait_s is None:
            return None
        return Overloaded("more requests are in hand than there is room for, try again later", wait_s=wait_s)
