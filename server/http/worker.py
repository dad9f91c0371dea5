"""The HTTP worker, as gunicorn runs it: takes connections in, keeps the time, and stops without losing a request.

Gunicorn's own threaded worker gives a request three threads' worth of hand-overs, a thread to every client that is slow
to send, and no limit to what waits for a thread. This one keeps gunicorn's process model and its grammar, and changes
who waits where:

- ``threads``: the threads wait for connections themselves.
- ``connection``, ``parser``: a request gets a thread when it is whole.
- ``responder``, ``admission``: it is responded to, or refused at once.
- ``open_connections``: past their limit idle ones are closed, and what comes where none is idle is answered 503, save
  for health checks.
- When it stops it takes in the connections that the kernel has accepted already, finishes every request in hand, and
  lets connections without one go after a while: in that a client that keeps one and asks now and then hears with its
  answer that it was the last.

The main thread owns the listening sockets and the clock; everything about a connection is its threads' affair.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from typing import Any

from server.gunicorn_internals.processes import WorkerProcess
from server.gunicorn_internals.request import plain_settings
from server.http.application import Application
from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.open_connections import OpenConnections
from server.http.request_thread import RequestThread
from server.http.responder import Responder
from server.http.threads import RequestThreads

TICK_S = 1.0
SHORT_TICK_S = 0.05
IDLE_LINGER_S = 0.5  # for a connection without a request when the worker stops
# For one that had a request within as long before: its client is likely to ask again, and who asks at the very moment
# at which a connection is closed gets no answer.
USED_LINGER_S = 3.0
ACCEPT_DELAY_S = 0.002  # for another worker to take a connection in, if it has fewer
SINGLE_ROUNDS, FAR_MORE = 8, 32
MAX_DOUBLINGS = 6  # 64 connections in a row, before the clock is looked at
FULL_FOR_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


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
            body_refusal=self.wsgi.body_refusal,
        )
        self._threads = RequestThreads(self._serve, max_busy=self.cfg.threads, is_brief=self.wsgi.is_brief)
        self._connections = OpenConnections(
            self.cfg.worker_connections,
            self._threads,
            lambda number: self.app.connection_counts.set(self.partition, number),
        )
        self._responder = Responder(
            self.wsgi,
            is_stopping=lambda: not self.alive,
            has_too_many=lambda: self._connections.has_too_many,
        )
        self._threads.start()
        self._listen()
        self._finish()

    def _serve(self, connection: Connection, thread: RequestThread) -> bool:
        """Go on with a connection; False where it has been closed."""
        is_open = self._responder.serve(connection, thread)
        if not is_open:
            self._connections.remove(connection)
        return is_open

    def _listen(self) -> None:
        """Take connections in."""
        listeners = {listener.fileno(): listener for listener in self.sockets}
        poll = select.poll()
        poll.register(self.signal_fd, select.POLLIN)
        poll.register(self._threads.long_turns_fd, select.POLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
        next_tick, num_rounds = 0.0, 0
        while self.alive:
            if (now := time.monotonic()) >= next_tick:
                next_tick = now + TICK_S
                if not self._tick(now):
                    break
            has_room = self._connections.has_room or self._connections.make_room()
            for fd in listeners:
                poll.register(fd, select.POLLIN if has_room else 0)
            ready = poll.poll(0)
            num_rounds = num_rounds + 1 if ready else 0
            for fd, _ in ready or poll.poll(1000 * (TICK_S if has_room else SHORT_TICK_S)):
                if fd == self._threads.long_turns_fd:
                    self._threads.end_long_turns()
                    continue
                if fd not in listeners:
                    os.read(fd, 4096)
                    continue
                if self.app.connection_counts.has_more_than_another(self.partition):
                    time.sleep(ACCEPT_DELAY_S)
                for _ in range(self._num_at_once(num_rounds)):
                    if not self._accept(listeners[fd]) or not self._connections.has_room:
                        break

    def _tick(self, now: float) -> bool:
        """Show life, and end what is overdue; False where the master has gone."""
        self.notify()
        self._threads.expire_overdue(now)
        if self.has_lost_master:
            self.log.info("the master has gone")
            self.alive = False
        return self.alive

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
        now = stops_at = time.monotonic()
        while self._connections and now < stops_at + self.cfg.graceful_timeout:
            self.notify()
            for connection in self._threads.waiting:
                if connection.is_idle:
                    was_used = connection.read_since > stops_at - USED_LINGER_S
                    idle_until = stops_at + (USED_LINGER_S if was_used else IDLE_LINGER_S)
                    connection.deadline = min(connection.deadline, idle_until)
            self._threads.expire_overdue(now)
            self._threads.end_long_turns()
            time.sleep(SHORT_TICK_S)
            now = time.monotonic()
        self._threads.close()

    def _accept(self, listener: socket.socket) -> bool:
        """Take one connection in, if there is one."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in FULL_FOR_NOW and not self._connections.make_room():
                self.log.warning("no connection can be taken in: %s", error.strerror)
                time.sleep(SHORT_TICK_S)
            return False
        if self._connections.is_full:
            self._connections.make_room()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.app.tls is not None:
            sock = self.app.tls.wrap(sock)
        connection = Connection(sock, address, listener.getsockname(), self._limits)
        connection.is_too_many = self._connections.is_full
        self._connections.add(connection)
        return True
