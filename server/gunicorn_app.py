"""The server process: a gunicorn master that holds the port, and workers that each load the model after the fork.

The master owns the listening socket and the verified artifact; a worker owns its engine. The model is loaded before a
worker accepts its first connection, so whoever connects earlier waits in the kernel's queue instead of being refused.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from models.artifact import Artifact
from models.errors import OpsinError
from server.address import url_of
from server.app import create_app
from server.cores import available_cores
from server.engine import Engine
from server.engine.local import open_local_engine
from server.gunicorn_worker import STOP_SIGNALS, HTTPWorker
from server.settings import Settings

KEEP_ALIVE_S = 75  # longer than the 60 s of common load balancers, so that they, not we, close an idle connection
GRACE_S = 30  # for requests in hand when the server stops
HEARTBEAT_TIMEOUT_S = 60
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - for gunicorn's heartbeat files, which must not wait for a disk


class Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's master, with a Ctrl-C as gentle as SIGTERM; a second one does not wait."""

    def handle_int(self) -> None:
        """Finish what is in hand, then end."""
        self.handle_term()

    def spawn_worker(self) -> Any:
        """Fork with the stop signals held back until the worker handles them (see HTTPWorker.init_signals).

        The child inherits the master's handlers: a SIGTERM before it has its own would be put into a queue that nobody
        reads, and the server would stop only when its time of grace is over.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def reap_workers(self) -> None:
        """Halt because a worker could not start, but once: gunicorn 27 raises again where two could not."""
        try:
            super().reap_workers()
        except HaltServer:
            if self.LISTENERS:  # else it halts already
                raise


class Server(BaseApplication):  # type: ignore[misc]
    """The application as gunicorn runs it: how to configure it, and what to load in each worker."""

    def __init__(self, settings: Settings, artifact: Artifact, listener: socket.socket) -> None:
        self.settings = settings
        self._artifact = artifact
        self._url = url_of(settings.host, listener.getsockname()[1])
        self._listener_fd = listener.detach()  # gunicorn closes it
        self._worker: HTTPWorker | None = None
        self._engine: Engine | None = None
        self._start_token, write_end = os.pipe()  # holds one byte until the first worker is ready, which takes it
        os.write(write_end, b"1")
        os.set_blocking(self._start_token, False)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; see BaseApplication."""
        settings = self.settings
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener_fd}",
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": HTTPWorker,
            "worker_tmp_dir": str(MEMORY_FOLDER) if os.access(MEMORY_FOLDER, os.W_OK) else None,
            "keepalive": KEEP_ALIVE_S,
            "graceful_timeout": GRACE_S,
            "timeout": HEARTBEAT_TIMEOUT_S,
            "control_socket_disable": True,  # it would write into the home folder
            "loglevel": settings.log_level,
            "post_fork": self._enter_worker,
            "worker_exit": self._leave_worker,
            "child_exit": self._give_up_on_broken_start,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Load the model and make the application, in the worker."""
        settings = self.settings
        num_runners = settings.runners or math.ceil(available_cores() / settings.workers)
        try:
            self._engine = open_local_engine(self._artifact, num_runners=num_runners, max_queue=settings.max_queue)
        except OpsinError as error:
            print(f"opsin: {error}", file=sys.stderr, flush=True)
            sys.exit(Arbiter.APP_LOAD_ERROR)
        app = create_app(settings, engine=self._engine, is_stopping=self._is_stopping)
        if self._take_start_token():
            manifest = self._artifact.manifest
            print(f"Opsin serves {manifest.name} version {manifest.version} at {self._url}", flush=True)
        return app

    def run(self) -> None:
        """Serve until a signal; leaves by SystemExit."""
        Master(self).run()

    def _enter_worker(self, _master: Master, worker: HTTPWorker) -> None:
        self._worker = worker

    def _leave_worker(self, _master: Master, _worker: HTTPWorker) -> None:
        if self._engine:
            self._engine.close()

    def _is_stopping(self) -> bool:
        return self._worker is not None and not self._worker.alive

    def _take_start_token(self) -> bool:
        try:
            return bool(os.read(self._start_token, 1))
        except BlockingIOError:
            return False

    def _give_up_on_broken_start(self, master: Master, _worker: HTTPWorker) -> None:
        """End instead of forking for ever when a worker dies before any has been ready."""
        is_token_there = bool(select.select([self._start_token], [], [], 0)[0])
        if is_token_there and master.LISTENERS:
            raise HaltServer("a worker died while it loaded the model", Arbiter.WORKER_BOOT_ERROR)
