"""The threads of an HTTP worker, after the leader/followers pattern: a request is handed from no thread to another.

A *leader* waits for a connection that is ready, reads what came, and answers it itself. There are at most MAX_LEADERS,
for more would only fight for Python's lock (docs/performance.md). A leader that is to wait for its answer first
promotes a *follower*, the one that was busy last, or a new thread; then it is *busy*. When it has answered it leads
again, or is *idle* until it is promoted, and ends where nobody promotes it for a while. Where nobody can be promoted a
leader may not be busy, so that one thread is always there to say no to what is too much.

Where requests are *brief*, answered in a few milliseconds by the thread that has read them, there is one leader, and it
does not promote anybody first: to wake a thread costs more than the others wait. It has a *turn*, which it passes on
before it waits after all; and a timer tells when one lasts too long (``turns``), so that nobody stands behind it.

The *slow lane* is a second epoll with one thread of its own. What takes more than a short turn goes there: requests
that cost much, those that were sent ahead of their answers, and bodies in tiny chunks. All such connections have their
turns there one after the other, for at most half of the time, so that together they take from others what one thread
can.

Owns the epolls, the connections that wait in them, and the threads. A connection belongs to an epoll or to one thread:
its events are one-shot, and whoever takes it out of ``_waiting`` has it.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from server.http.connection import Connection
from server.http.request_thread import RequestThread
from server.http.turns import Turns

MAX_LEADERS = 2
MAX_BACKLOG_S = 0.25  # for all connections to have a turn; where it may take longer, each is heard and maybe refused
SPARE_THREADS = 64  # for those that are busy no more, and still send their response
IDLE_THREAD_S = 5.0  # longer than bursts are apart; a thread keeps its stack and its part of the heap
MAX_PAUSE_S = 0.1
READABLE = select.EPOLLIN | select.EPOLLONESHOT
WRITABLE = select.EPOLLOUT | select.EPOLLONESHOT
READABLE_OR_WRITABLE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLONESHOT

log = logging.getLogger("opsin.http")


class RequestThreads:
    """Serves connections that can be read or written, or whose time is over.

    Args:
        serve: goes on with a connection, and tells whether it is to be watched further; else it has been closed.
        max_busy: how many threads may be busy at once.
        is_brief: whether requests are likely to be, see the module.
        idle_s: after how long a thread ends that nobody promotes.
    """

    def __init__(
        self,
        serve: Callable[[Connection, RequestThread], bool],
        *,
        max_busy: int,
        is_brief: Callable[[], bool] = bool,
        idle_s: float = IDLE_THREAD_S,
    ) -> None:
        self._serve = serve
        self._epoll, self._slow_lane = select.epoll(), select.epoll()
        self._waiting: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._max_busy, self._is_brief, self._idle_s = max_busy, is_brief, idle_s
        self._turns: Turns[RequestThread] = Turns()
        self._num_busy = 0
        self._num_threads = 0
        self._num_leaders = 0
        self._has_told_of_limit = False
        self._is_closed = False
        self._end = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # readable for everybody, once closed
        self._epoll.register(self._end, select.EPOLLIN)
        self._slow_lane.register(self._end, select.EPOLLIN)
        self._idle: list[RequestThread] = []  # the one that was busy last is the last

    def start(self) -> None:
        """Start the first leaders, and the thread of the slow lane."""
        with self._lock:
            for _ in range(MAX_LEADERS):
                self._num_leaders += 1
                self._start_thread(self._lead)
            self._start_thread(self._serve_slow_lane)

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

    def take_out(self, connection: Connection) -> bool:
        """Watch a connection no more; False where a thread has it."""
        return self._waiting.pop(connection.fd, None) is connection

    def expire_overdue(self, now: float) -> None:
        """Serve the connections whose deadline has passed."""
        for connection in self.waiting:
            if connection.deadline <= now and self.take_out(connection):
                connection.expire()
                self._watch_again(connection, READABLE_OR_WRITABLE)

    def begin_busy(self, thread: RequestThread) -> bool:
        """Make a thread busy if one more may be; a leader promotes a follower first."""
        with self._lock:
            return self._begin_busy(thread)

    def end_busy(self, thread: RequestThread) -> None:
        """Make a thread busy no more."""
        with self._lock:
            if thread.is_busy:
                thread.is_busy = False
                self._num_busy -= 1

    def begin_turn(self, thread: RequestThread) -> None:
        """Have a leader answer without promoting anybody, where requests are brief and no connection waits for long."""
        if self._is_brief() and len(self._waiting) * self._turns.usual_s < MAX_BACKLOG_S:
            with self._lock:
                thread.has_turn = True
                self._turns.begin(thread)

    def end_turn(self, thread: RequestThread) -> None:
        """End a thread's turn, if it has one."""
        if thread.has_turn:
            with self._lock:
                thread.has_turn = False
                self._turns.end(thread, is_passed_on=not thread.is_leader)

    @property
    def long_turns_fd(self) -> int:
        """Becomes readable when `end_long_turns` is to be called."""
        return self._turns.fd

    def end_long_turns(self) -> None:
        """Have other threads lead in place of those whose turn has lasted too long."""
        with self._lock:
            for thread in self._turns.overdue():
                self._begin_busy(thread)

    def _begin_busy(self, thread: RequestThread) -> bool:
        if thread.is_busy:
            return True
        if self._num_busy >= self._max_busy or (thread.is_leader and not self._promote_follower()):
            return False
        self._num_busy += 1
        thread.is_leader, thread.is_busy = False, True
        return True

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
            self._start_thread(self._lead)
        except RuntimeError as error:  # the system allows no more of them for now
            if not self._has_told_of_limit:
                self._has_told_of_limit = True
                log.warning("there are %d request threads, and: %s", self._num_threads, error)
            return False
        return True

    def _watch_again(self, connection: Connection, events: int | None = None) -> None:
        """Watch for what a connection waits for: being looked at where there is more to do, else a client's doing."""
        if events is None:
            is_to_send = connection.has_unsent or connection.has_more
            events = WRITABLE if is_to_send else READABLE  # nearly always it can be written, which is at once
        self._waiting[connection.fd] = connection
        with suppress(OSError):  # its deadline passed just now, and another thread has closed it
            if not connection.is_slow:
                self._epoll.modify(connection.fd, events)
                return
            try:
                self._slow_lane.modify(connection.fd, events)
            except FileNotFoundError:  # its first time there
                # What it has been in stays silent, as its event was its last.
                self._slow_lane.register(connection.fd, events)

    def _start_thread(self, target: Callable[[RequestThread], None]) -> None:
        is_slow = target == self._serve_slow_lane
        name = "opsin-slow-lane" if is_slow else f"opsin-request-{self._num_threads + 1}"
        thread = RequestThread(self.begin_busy, self.end_busy, is_slow=is_slow)
        threading.Thread(target=target, args=(thread,), name=name, daemon=True).start()
        self._num_threads += 1

    def _serve_one(self, epoll: select.epoll, thread: RequestThread) -> None:
        """Wait for a connection that is ready, and serve it."""
        for fd, _ in epoll.poll(maxevents=1):
            connection = self._waiting.pop(fd, None)
            if connection is None:
                continue
            if not thread.is_slow:
                self.begin_turn(thread)
            try:
                is_open = self._serve(connection, thread)
            except Exception:  # a bug, which must cost one connection and no thread
                log.exception("a connection could not be served")
                connection.close()
                is_open = False
            if is_open:
                self._watch_again(connection)
            self.end_turn(thread)

    def _lead(self, thread: RequestThread) -> None:
        while not self._is_closed:
            self._serve_one(self._epoll, thread)
            if not thread.is_leader or self._steps_down():
                thread.end_busy()
                if not self._lead_again(thread):
                    break
        self._end_thread()

    def _serve_slow_lane(self, thread: RequestThread) -> None:
        while not self._is_closed:
            started_s = time.thread_time()
            self._serve_one(self._slow_lane, thread)
            time.sleep(min(time.thread_time() - started_s, MAX_PAUSE_S))
        self._end_thread()

    def _end_thread(self) -> None:
        with self._lock:
            self._num_threads -= 1
            if not self._num_threads:
                os.close(self._end)
                self._turns.close()
                self._epoll.close()
                self._slow_lane.close()

    def _steps_down(self) -> bool:
        """Count one leader less where there are more than there should be."""
        if self._num_leaders == 1 or not self._is_brief():
            return False
        with self._lock:
            is_one_too_many = self._num_leaders > 1
            self._num_leaders -= is_one_too_many
            return is_one_too_many

    def _lead_again(self, thread: RequestThread) -> bool:
        """Make a thread a leader, now or when it is promoted; False where nobody needed it for too long."""
        max_leaders = 1 if self._is_brief() else MAX_LEADERS
        with self._lock:
            thread.is_leader = True
            if self._num_leaders < max_leaders:
                self._num_leaders += 1
                return True
            if self._is_closed:
                return True
            self._idle.append(thread)
        if thread.wait_until_promoted(timeout=self._idle_s):
            return True
        with self._lock:
            if thread in self._idle:
                self._idle.remove(thread)
                return False
        return thread.wait_until_promoted()  # at the last moment
