"""The threads of an HTTP worker, after the leader/followers pattern: a request is handed from no thread to another.

A *leader* waits for a connection that is ready, reads what came, and answers it itself. There are at most MAX_LEADERS,
for more would only fight for Python's lock (docs/performance.md). A leader that has a request to answer first promotes
a *follower*, the one that was busy last, or a new thread; then it is *busy*. When it has answered it leads again, or is
*idle* until it is promoted. Where nobody can be promoted a leader may not be busy, so that one thread is always there
to say no to what is too much.

Owns the epoll, the connections that wait in it, and the threads. A connection belongs to the epoll or to one thread:
its events are one-shot, and whoever takes it out of ``_waiting`` has it.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

from server.http.connection import Connection

MAX_LEADERS = 2
SPARE_THREADS = 64  # for those that are busy no more, and still send their response
READABLE = select.EPOLLIN | select.EPOLLONESHOT
WRITABLE = select.EPOLLOUT | select.EPOLLONESHOT
READABLE_OR_WRITABLE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLONESHOT

log = logging.getLogger("opsin.http")


class RequestThreads:
    """Serves connections that can be read or written, or whose time is over.

    Args:
        serve: goes on with a connection, and tells whether it is to be watched further; else it has been closed.
        max_busy: how many threads may be busy at once.
    """

    def __init__(self, serve: Callable[[Connection, RequestThread], bool], *, max_busy: int) -> None:
        self._serve = serve
        self._epoll = select.epoll()
        self._waiting: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._max_busy = max_busy
        self._num_busy = 0
        self._num_threads = 0
        self._num_leaders = 0
        self._has_told_of_limit = False
        self._is_closed = False
        self._end = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # readable for every leader, once closed
        self._epoll.register(self._end, select.EPOLLIN)
        self._idle: list[RequestThread] = []  # the one that was busy last is the last

    def start(self) -> None:
        """Start the first leaders."""
        with self._lock:
            for _ in range(MAX_LEADERS):
                self._num_leaders += 1
                self._start_thread()

    def close(self) -> None:
        """End the threads, each when its connection is served. A second call does nothing."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.eventfd_write(self._end, 1)
                for thread in self._idle:
                    thread.wake()

    @property
    def waiting(self) -> list[Connection]:
        """The connections that wait now."""
        return list(self._waiting.values())

    def watch(self, connection: Connection) -> None:
        """Serve a new connection from now on."""
        self._waiting[connection.fd] = connection
        self._epoll.register(connection.fd, READABLE)

    def expire_overdue(self, now: float) -> None:
        """Serve the connections whose deadline has passed."""
        for fd, connection in list(self._waiting.items()):
            if connection.deadline <= now and self._waiting.pop(fd, None) is connection:
                connection.expire()
                self._watch_again(connection, READABLE_OR_WRITABLE)

    def add_busy(self, *, is_leader: bool) -> bool:
        """Count one more busy thread if there may be one; a leader promotes a follower first."""
        with self._lock:
            if self._num_busy >= self._max_busy or (is_leader and not self._promote_follower()):
                return False
            self._num_busy += 1
            return True

    def remove_busy(self) -> None:
        """Count one busy thread less."""
        with self._lock:
            self._num_busy -= 1

    def _promote_follower(self) -> bool:
        if self._is_closed:
            return True  # all have been woken, and none leads any more
        if self._num_leaders > 1:
            self._num_leaders -= 1  # the other leader is enough
            return True
        if self._idle:
            self._idle.pop().wake()
            return True
        if self._num_threads >= self._max_busy + SPARE_THREADS:
            return False
        try:
            self._start_thread()
        except RuntimeError as error:  # the system allows no more of them for now
            if not self._has_told_of_limit:
                self._has_told_of_limit = True
                log.warning("there are %d request threads, and: %s", self._num_threads, error)
            return False
        return True

    def _watch_again(self, connection: Connection, events: int) -> None:
        self._waiting[connection.fd] = connection
        with suppress(OSError):  # its deadline passed just now, and another thread has closed it
            self._epoll.modify(connection.fd, events)

    def _start_thread(self) -> None:
        name = f"opsin-request-{self._num_threads + 1}"
        threading.Thread(target=self._run, args=(RequestThread(self),), name=name, daemon=True).start()
        self._num_threads += 1

    def _run(self, thread: RequestThread) -> None:
        while not self._is_closed:
            for fd, _ in self._epoll.poll(maxevents=1):
                connection = self._waiting.pop(fd, None)
                if connection is None:
                    continue
                try:
                    is_open = self._serve(connection, thread)
                except Exception:  # a bug, which must cost one connection and no thread
                    log.exception("a connection could not be served")
                    connection.close()
                    is_open = False
                if is_open:
                    self._watch_again(connection, WRITABLE if connection.has_unsent else READABLE)
            if not thread.is_leader:
                thread.end_busy()
                self._lead_again(thread)
        with self._lock:
            self._num_threads -= 1
            if not self._num_threads:
                os.close(self._end)
                self._epoll.close()

    def _lead_again(self, thread: RequestThread) -> None:
        """Make a thread a leader, now or when it is promoted."""
        with self._lock:
            thread.is_leader = True
            if self._num_leaders < MAX_LEADERS:
                self._num_leaders += 1
                return
            if self._is_closed:
                return
            self._idle.append(thread)
        thread.wait_until_promoted()


class RequestThread:
    """Tells whether one thread leads, is busy, or neither: its response is known, and still has to be sent.

    Attributes:
        is_leader: whether it is one of those that wait for connections.
    """

    def __init__(self, threads: RequestThreads) -> None:
        self.is_leader = True
        self._is_busy = False
        self._threads = threads
        promoted = threading.Lock()  # lighter than an Event
        promoted.acquire()
        self.wait_until_promoted, self.wake = promoted.acquire, promoted.release

    def begin_busy(self) -> bool:
        """Promote a follower, before waiting for anything; False where the thread must not wait."""
        if not self._is_busy and self._threads.add_busy(is_leader=self.is_leader):
            self.is_leader, self._is_busy = False, True
        return self._is_busy

    def end_busy(self) -> None:
        """Say that the waiting is over, before others can know of it. May be called more than once."""
        if self._is_busy:
            self._is_busy = False
            self._threads.remove_busy()
