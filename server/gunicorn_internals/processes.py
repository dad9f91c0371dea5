"""Gunicorn's master and its workers, which look after more processes than gunicorn knows of."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer as HaltServer
from gunicorn.workers.base import Worker
from setproctitle import setproctitle

from server.logs import change_level

log = logging.getLogger("opsin.server")

WORKER_BOOT_ERROR: int = Arbiter.WORKER_BOOT_ERROR
HELD_BACK = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP)  # while a worker is forked


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
