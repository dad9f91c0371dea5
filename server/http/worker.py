"""The HTTP worker, as gunicorn runs it: takes connections in, keeps the time, and stops without losing a request.

Gunicorn's own threaded worker gives a request three threads' worth of hand-overs, a thread to every client that is slow
to send, and no limit to what waits for a thread. This one keeps gunicorn's process model, its parser and its WSGI
environment, and changes who waits where:

- ``threads``: the threads wait for connections themselves.
- ``connection``, ``request_reader``: a request gets a thread when it is whole.
- A request for which there is no thread is answered 503 at once, one that is no HTTP in JSON like every other error.
- When it stops it takes in the connections that the kernel has accepted already, finishes every request in hand, and
  lets connections without one go after half a second.

The main thread owns the listening sockets and the clock; everything about a connection is its threads' affair.
Written against gunicorn 27; the tests in tests/e2e/ fail where a newer one behaves otherwise.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import time
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers.base import Worker

from server.http.connection import Connection, ConnectionOver
from server.http.limits import Limits, UploadBudget
from server.http.refusals import refuse_nonsense, refuse_overload
from server.http.request_reader import quick_copy
from server.http.threads import RequestThread, RequestThreads
from server.http.wsgi import answer
from server.metrics import OTHER

STOP_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
TICK_S = 1.0
SHORT_TICK_S = 0.05
IDLE_LINGER_S = 0.5
COURTESY_S = 0.002  # for another worker to take a connection in, if it has fewer
FULL_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class HTTPWorker(Worker):  # type: ignore[misc]
    """See the module."""

    partition: int  # which of the workers it is; given by the master

    def init_signals(self) -> None:
        """Leave what a terminal sends to every process to the master: it tells the workers when to finish."""
        super().init_signals()
        for from_terminal in (signal.SIGINT, signal.SIGHUP):
            signal.signal(from_terminal, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # the master forks with them held back

    def run(self) -> None:
        """Serve until told to stop; see Worker."""
        settings = self.app.settings
        budget = UploadBudget(max(settings.max_uploads_in_hand_bytes, settings.max_upload_bytes))
        read_timeout_s = settings.read_timeout_ms / 1000
        self._limits = Limits(
            quick_copy(self.cfg), settings.max_upload_bytes, budget, self.cfg.keepalive, read_timeout_s
        )
        self._connections: set[Connection] = set()
        self._counts = self.app.connection_counts
        self._counts.set(self.partition, 0)
        self._threads = RequestThreads(self._serve, max_busy=self.cfg.threads)
        self._threads.start()
        self._listen()
        self._finish()

    def _listen(self) -> None:
        """Take connections in, one at a time."""
        listeners = {listener.fileno(): listener for listener in self.sockets}
        poll = select.poll()
        poll.register(self.PIPE[0], select.POLLIN)  # signals
        for listener in self.sockets:
            listener.setblocking(False)
        next_tick = 0.0
        while self.alive:
            if (now := time.monotonic()) >= next_tick:
                next_tick = now + TICK_S
                self._tick(now)
            has_room = len(self._connections) < self.cfg.worker_connections
            for fd in listeners:
                poll.register(fd, select.POLLIN if has_room else 0)
            for fd, _ in poll.poll(1000 * (TICK_S if has_room else SHORT_TICK_S)):
                if fd in listeners:
                    if self._counts.has_more_than_another(self.partition):
                        time.sleep(COURTESY_S)
                    self._accept(listeners[fd])
                else:
                    os.read(fd, 4096)

    def _tick(self, now: float) -> None:
        self.notify()
        self._threads.expire_overdue(now)
        if self.ppid != os.getppid():
            self.log.info("the master has gone")
            self.alive = False

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
        connection = Connection(sock, address, listener.getsockname(), self._limits)
        self._connections.add(connection)
        self._counts.set(self.partition, len(self._connections))
        self._threads.watch(connection)
        return True

    def _serve(self, connection: Connection, thread: RequestThread) -> bool:
        try:
            if self._answer_requests(connection, thread):
                return True
        except ParseException as error:
            self.log.info("no HTTP request: %s", error)
            self.app.metrics.note_request(OTHER, OTHER, refuse_nonsense(connection, error), 0.0)
        except (ConnectionOver, OSError):
            connection.close()
        except Exception:  # a bug, and nobody knows how much of an answer has been sent
            self.log.exception("a request could not be answered")
            connection.close()
        if connection.linger():
            self._connections.discard(connection)
            self._counts.set(self.partition, len(self._connections))
            return False
        return True

    def _answer(self, connection: Connection, request: Any, thread: RequestThread) -> bool:
        """Answer one request; what there is no room for is told so here, for a fifth of what the application costs."""
        is_upload = request.method == "POST"
        wait_s = self.app.wait_when_full() if is_upload else None
        if wait_s is None and not thread.begin_busy() and is_upload:
            wait_s = 0
        if wait_s is not None:
            self.app.metrics.note_request(self.wsgi.route_of(request.path) or OTHER, request.method, 503, 0.0)
            return refuse_overload(connection, request, wait_s=wait_s, is_last=not self.alive)
        return answer(self.wsgi, connection, request, is_last=not self.alive, when_done=thread.end_busy)

    def _answer_requests(self, connection: Connection, thread: RequestThread) -> bool:
        """Answer what has come; False where that was the connection's last."""
        while not connection.is_lingering:
            request = connection.next_request()
            if request is None:
                return True
            if not self._answer(connection, request, thread):
                return False
            connection.finish_request()
            if connection.requests.is_idle:
                return True
        return False
