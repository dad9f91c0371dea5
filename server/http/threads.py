"""The threads of an HTTP worker: each takes a connection that is ready, and goes on with it itself.

A request passes through no queue and from no thread to another: the thread that the kernel wakes for it reads it,
answers it, and waits for the next. Few of them, MAX_POLLERS, wait for connections or read what came, for more would
only fight for Python's lock (docs/performance.md). One that has a request to answer leaves first, so that another
takes its place: the one that was busy last, or a new one. Where there is none left it may not leave, so that one thread
is always there to say no to what is too much.

Owns the epoll, the connections that wait in it, and the threads. A connection belongs to the epoll or to one thread:
its events are one-shot, and whoever takes it out of ``_waiting`` has it.
"""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from server.http.connection import Connection

MAX_POLLERS = 2
SPARE_THREADS = 64  # for those that are back, and still send their answer
READABLE = select.EPOLLIN | select.EPOLLONESHOT
WRITABLE = select.EPOLLOUT | select.EPOLLONESHOT
AT_ONCE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLONESHOT

log = logging.getLogger("opsin.http")


class Place(Protocol):
    """A thread's place at the epoll."""

    def leave(self) -> bool:
        """Hand it to another thread, before waiting for anything; not to be done where it is False."""

    def come_back(self) -> None:
        """Say that the waiting is over, before others can know of it. May be called more than once."""


class RequestThreads:
    """Serves connections that have become ready, to be read or to take the rest of an answer, or whose time is over.

    Args:
        serve: goes on with a connection, and tells whether it is to be watched further; else it has been closed.
        max_away: how many threads may have left and not come back.
    """

    def __init__(self, serve: Callable[[Connection, Place], bool], *, max_away: int) -> None:
        self._serve = serve
        self._epoll = select.epoll()
        self._waiting: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._max_away = max_away
        self._num_away = 0
        self._num_threads = 0
        self._num_pollers = 0
        self._has_told_of_limit = False
        self._resting: list[_Place] = []  # of threads without work; the one that worked last is the last

    def start(self) -> None:
        """Start the first threads."""
        with self._lock:
            for _ in range(MAX_POLLERS):
                self._num_pollers += 1
                self._start_thread()

    @property
    def waiting(self) -> list[Connection]:
        """The connections that wait now."""
        return list(self._waiting.values())

    def watch(self, connection: Connection) -> None:
        """Serve a new connection from now on."""
        self._waiting[connection.fd] = connection
        self._epoll.register(connection.fd, READABLE)

    def hurry(self, now: float) -> None:
        """Serve those whose deadline has passed."""
        for fd, connection in list(self._waiting.items()):
            if connection.deadline <= now and self._waiting.pop(fd, None) is connection:
                connection.expire()
                self._watch_again(connection, AT_ONCE)

    def leave(self, *, has_place: bool) -> bool:
        """Count a thread as away if there may be one more; one that has a place at the epoll hands it to another."""
        with self._lock:
            if self._num_away >= self._max_away or (has_place and not self._hand_over_place()):
                return False
            self._num_away += 1
            return True

    def come_back(self) -> None:
        """Count a thread as away no more."""
        with self._lock:
            self._num_away -= 1

    def _hand_over_place(self) -> bool:
        if self._num_pollers > 1:
            self._num_pollers -= 1
        elif self._resting:
            self._resting.pop().wake()
        else:
            return self._num_threads < self._max_away + SPARE_THREADS and self._try_to_start_thread()
        return True

    def _try_to_start_thread(self) -> bool:
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
        threading.Thread(target=self._run, args=(_Place(self),), name=name, daemon=True).start()
        self._num_threads += 1

    def _run(self, place: _Place) -> None:
        while True:
            for fd, _ in self._epoll.poll(maxevents=1):
                connection = self._waiting.pop(fd, None)
                if connection is not None and self._is_served_on(connection, place):
                    self._watch_again(connection, WRITABLE if connection.has_unsent else READABLE)
            if place.has_left:
                place.come_back()
                self._take_place(place)

    def _is_served_on(self, connection: Connection, place: _Place) -> bool:
        try:
            return self._serve(connection, place)
        except Exception:  # a bug, which must cost one connection and no thread
            log.exception("a connection could not be served")
            connection.close()
            return False

    def _take_place(self, place: _Place) -> None:
        with self._lock:
            place.has_left = False
            if self._num_pollers < MAX_POLLERS:
                self._num_pollers += 1
                return
            self._resting.append(place)
        place.rest()


class _Place:
    """See Place; and the thread's bed."""

    def __init__(self, threads: RequestThreads) -> None:
        self.has_left = False
        self._is_away = False
        self._threads = threads
        bell = threading.Lock()
        bell.acquire()
        self.rest, self.wake = bell.acquire, bell.release

    def leave(self) -> bool:
        if not self._is_away and self._threads.leave(has_place=not self.has_left):
            self.has_left = self._is_away = True
        return self._is_away

    def come_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._threads.come_back()
