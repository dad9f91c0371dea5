"""The HTTP worker, as gunicorn runs it: takes connections in, keeps the time, and stops without losing a request.

Gunicorn's own threaded worker gives a request three threads' worth of hand-overs, a thread to every client that is slow
to send, and no limit to what waits for a thread. This one keeps gunicorn's process model and its grammar, and changes
who waits where:

- ``threads``: the threads wait for connections themselves.
- ``connection``, ``parser``: a request gets a thread when it is whole.
- A request for which there is no room is answered 503 at once (`HTTPWorker.admit`), one that is not valid HTTP in JSON
  like every other error.
- What takes more than a short turn goes to the slow lane (``threads``): `HTTPWorker._is_in_its_lane` decides.
- Past its limit of connections it closes idle ones, those first that are so for longest. Where none is idle, clients
  that have been slow for long are let go, and what comes is answered 503, save for health checks.
- When it stops it takes in the connections that the kernel has accepted already, finishes every request in hand, and
  lets connections without one go after half a second.

The main thread owns the listening sockets and the clock; everything about a connection is its threads' affair.
"""

from __future__ import annotations

import errno
import heapq
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
from server.http.limits import Headers, Limits, UploadBudget, everybody_may, spare_connections
from server.http.path_costs import PathCosts
from server.http.threads import RequestThread, RequestThreads
from server.http.wsgi import ErrorResponse, call_app, refuse
from server.request_errors import MalformedRequest, Overloaded

TICK_S = 1.0
SHORT_TICK_S = 0.05
IDLE_LINGER_S = 0.5
ACCEPT_DELAY_S = 0.002  # for another worker to take a connection in, if it has fewer
SINGLE_ROUNDS, FAR_MORE = 8, 32
MAX_DOUBLINGS = 6  # 64 connections in a row, before the clock is looked at
IDLE_AT_LEAST_S = 0.1  # for a client that has just connected to send its request
CLOSED_TOGETHER = 1 / 32  # of the connections: the idlest, where there are too many
HEALTH_PATHS = ("/healthz", "/readyz")
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

    def has_more_than_another(self, worker: int, *, by: int = 1) -> bool:
        """Tell whether a new connection would better be taken by another worker, which has so many fewer at least."""
        return bool(self._counts[worker] >= min(self._counts) + by)


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
        limit = self.cfg.worker_connections
        self._most_connections = limit + spare_connections(limit)
        self._path_costs = PathCosts(never_high=HEALTH_PATHS)
        self._looks_again_at = 0.0  # for connections that can make room
        self._connections: set[Connection] = set()
        self._count_connections()
        self._threads = RequestThreads(self._serve, max_busy=self.cfg.threads)
        self._threads.start()
        self._listen()
        self._finish()

    def _listen(self) -> None:
        """Take connections in."""
        listeners = {listener.fileno(): listener for listener in self.sockets}
        poll = select.poll()
        poll.register(self.signal_fd, select.POLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
        next_tick, num_rounds = 0.0, 0
        while self.alive:
            if (now := time.monotonic()) >= next_tick:
                next_tick = now + TICK_S
                self.notify()
                self._threads.expire_overdue(now)
                if self.has_lost_master:
                    self.log.info("the master has gone")
                    self.alive = False
                    break
            has_room = self._has_room or self._close_idlest()
            for fd in listeners:
                poll.register(fd, select.POLLIN if has_room else 0)
            ready = poll.poll(0)
            num_rounds = num_rounds + 1 if ready else 0
            for fd, _ in ready or poll.poll(1000 * (TICK_S if has_room else SHORT_TICK_S)):
                if fd not in listeners:
                    os.read(fd, 4096)
                    continue
                if self.app.connection_counts.has_more_than_another(self.partition):
                    time.sleep(ACCEPT_DELAY_S)
                for _ in range(self._num_at_once(num_rounds)):
                    if not self._accept(listeners[fd]) or not self._has_room:
                        break

    def _num_at_once(self, num_rounds: int) -> int:
        """Decide how many connections to take in before the clock is looked at.

        More come than are taken in for many rounds: then twice as many in each, or each would cost the delay; but not
        while another worker has far fewer.
        """
        if num_rounds <= SINGLE_ROUNDS or self.app.connection_counts.has_more_than_another(self.partition, by=FAR_MORE):
            return 1
        return 1 << min(num_rounds - SINGLE_ROUNDS, MAX_DOUBLINGS)

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
            if error.errno in FULL_FOR_NOW and not self._close_idlest():
                self.log.warning("no connection can be taken in: %s", error.strerror)
                time.sleep(SHORT_TICK_S)
            return False
        if self._is_full:
            self._close_idlest()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.app.tls is not None:
            try:
                sock = self.app.tls.wrap(sock)
            except OSError:  # the client has gone
                sock.close()
                return True
        connection = Connection(sock, address, listener.getsockname(), self._limits)
        connection.is_too_many = self._is_full
        self._connections.add(connection)
        self._count_connections()
        self._threads.watch(connection)
        return True

    @property
    def _is_full(self) -> bool:
        return bool(len(self._connections) >= self.cfg.worker_connections)

    @property
    def _has_room(self) -> bool:
        return bool(len(self._connections) < self._most_connections)

    def _close_idlest(self) -> bool:
        """Close some of the connections that have been idle for longest; False where there is none."""
        now = time.monotonic()
        if now < self._looks_again_at:
            return False
        idle = [one for one in self._threads.waiting if one.is_idle and one.idle_since < now - IDLE_AT_LEAST_S]
        limit = self.cfg.worker_connections
        number = max(1, len(self._connections) - limit + 1) + int(limit * CLOSED_TOGETHER)
        is_closed = False
        for connection in heapq.nsmallest(number, idle, key=lambda one: one.idle_since):
            if not connection.has_come() and self._threads.take_out(connection):
                connection.close()
                self._connections.discard(connection)
                is_closed = True
        self._count_connections()
        if not is_closed and not self._let_stalled_go(now):
            self._looks_again_at = now + SHORT_TICK_S  # to look at a thousand takes longer than to say no
            return False
        return True

    def _let_stalled_go(self, now: float) -> bool:
        """Let clients go that have been slow for long, as if their time were over; False where there is none."""
        stalled = [one for one in self._threads.waiting if one.is_stalled(now)]
        for connection in stalled:
            connection.deadline = now
        self._threads.expire_overdue(now)
        return bool(stalled)

    def _count_connections(self) -> None:
        self.app.connection_counts.set(self.partition, len(self._connections))

    def _serve(self, connection: Connection, thread: RequestThread) -> bool:
        """Go on with a connection; False where it has been closed."""
        try:
            if self._respond_to_request(connection, thread):
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

    def _respond_to_request(self, connection: Connection, thread: RequestThread) -> bool:
        """Respond to a request, if a whole one has come; False where that was the connection's last."""
        if connection.is_lingering:
            return False
        request = connection.next_request()
        if request is None:
            connection.is_slow = connection.has_more
            return True
        if not self._is_in_its_lane(connection, request, thread):
            return True
        if connection.is_too_many and len(self._connections) <= self.cfg.worker_connections:
            connection.is_too_many = False  # others have gone meanwhile
        overload = self.admit(request, thread, is_too_many=connection.is_too_many)
        is_last = connection.is_too_many or not self.alive
        if overload is not None:
            is_kept = self._refuse(connection, overload, request, is_last=is_last)
        else:
            started_s = time.thread_time()
            is_kept = call_app(self.wsgi.respond, connection, request, is_last=is_last, when_done=thread.end_busy)
            if request.method != "POST":
                self._path_costs.note(request.path, time.thread_time() - started_s)
        if is_kept:
            connection.finish_request()
        return is_kept

    def _is_in_its_lane(self, connection: Connection, request: Request, thread: RequestThread) -> bool:
        """Tell whether a thread may respond to a request; else it has been put back for one that may.

        An upload waits for the engine, which a thread of the slow lane must not.
        """
        is_slow = request.method != "POST" and (thread.is_slow or self._path_costs.is_high(request.path))
        if is_slow != thread.is_slow:
            connection.put_back(is_slow=is_slow)
        return is_slow == thread.is_slow

    def _refuse(self, connection: Connection, error: OpsinError, request: Request | None, *, is_last: bool) -> bool:
        response = self.wsgi.error_response(error)
        path, method = (request.path, request.method) if request else ("", "")
        self.wsgi.note_refusal(path, method, int(response[0][:3]))
        return refuse(connection, response, request, is_last=is_last)

    def admit(self, request: Request, thread: RequestThread, *, is_too_many: bool = False) -> Overloaded | None:
        """Decide whether a request is answered by the application, which costs several times what a refusal does.

        Uploads are refused where too many bytes of them are in memory, where no slot is free for an image, and where no
        thread is free to wait for its response. All else waits for nothing, and is answered by whatever thread there
        is; on a connection that is one too many only health checks are.
        """
        if is_too_many and request.path not in HEALTH_PATHS:
            return Overloaded("more clients are connected than there is room for, try again later", wait_s=1)
        if request.method != "POST":
            return None
        if request.exceeds_budget:
            return Overloaded("too many uploads are on their way, try again later", wait_s=1)
        wait_s = self.wsgi.wait_s_if_full()
        if wait_s is None:
            if thread.begin_busy():
                return None
            wait_s = 0
        return Overloaded("more requests are in hand than there is room for, try again later", wait_s=wait_s)
