"""The server: a gunicorn master that holds the port and watches over HTTP workers and engines.

The master owns the listening socket, the slot table and the engine processes; a worker owns one partition of its slots.
A connection is never refused while the first engine loads: its request waits for the model as long as its time allows.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from setproctitle import setproctitle

from models.store.reference import ModelReference
from models.store.repository import Repository
from server.address import url_of
from server.api.app import create_app
from server.api.lean_flask import LeanFlask
from server.compile_cache import keep_compiled_code
from server.devices import DeviceChoice, plan_for
from server.engine.catalogue import Catalogue
from server.engine.client import EngineClient
from server.engine.process import NOTHING_TO_SERVE, EngineConfig, engine_main, pixel_bytes_of
from server.engine.slot_table import SlotTable
from server.engine.supervisor import EngineBroken, Supervisor
from server.http.connection_counts import ConnectionCounts
from server.http.worker import STOP_SIGNALS, HTTPWorker
from server.metric_files import MetricFiles, memory_folder
from server.metrics import Metrics
from server.settings import Settings, SettingsError

log = logging.getLogger("opsin.server")

KEEP_ALIVE_S = 75  # longer than the 60 s of common load balancers, so that they, not we, close an idle connection
GRACE_S = 30  # for requests in hand when the server stops
HEARTBEAT_TIMEOUT_S = 60
MIN_PIXEL_BYTES = 1024 * 1024 * 3  # room for versions that come later; memory is used only where pixels are written
MAX_CLASSES = 65_536
# With far more clients than can be answered, refusals would take the time of the work that was accepted; more than this
# spreads the latencies of a small model (docs/performance.md).
HTTP_NICENESS = 5
MAX_IDLE_CONNECTIONS = 1000  # kept alive per worker
SPARE_FILES = 4096  # for connections, beside the eventfds of the slot table


class Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's master, and the engines'; a Ctrl-C is as gentle as SIGTERM, a second one does not wait."""

    def __init__(self, app: Server) -> None:
        super().__init__(app)
        self._server = app

    def start(self) -> None:
        """Start the engines first: they have most to load."""
        gc.freeze()  # what is here now is the same in every process; collecting it would only copy it
        self._server.supervisor.check()
        super().start()

    def handle_int(self) -> None:
        """Finish what is in hand, then end."""
        self.handle_term()

    def handle_hup(self) -> None:
        """Not offered: the settings are those of the start, and the models follow the repository by themselves."""
        log.warning("SIGHUP has no effect")

    def handle_ttin(self) -> None:
        """One more worker, up to the number that the slot table was made for."""
        if self.num_workers < self._server.settings.workers:
            super().handle_ttin()

    def handle_usr2(self) -> None:
        """Not offered: a second server would need the port."""
        log.warning("SIGUSR2 has no effect")

    def manage_workers(self) -> None:
        """Keep as many workers as there should be."""
        setproctitle("opsin: master")
        super().manage_workers()

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
        """Look after the engines first, whose end gunicorn would take for a stranger's.

        And halt because a worker could not start, but once: gunicorn 27 raises again where two could not.
        """
        self._check_engines()
        try:
            super().reap_workers()
        except HaltServer:
            if self.LISTENERS:  # else it halts already
                raise

    def murder_workers(self) -> None:
        """Kill what hangs, workers and engines; called once a second."""
        self._check_engines()
        super().murder_workers()

    def stop(self, graceful: bool = True) -> None:
        """End the workers, and the engines when no worker needs them any more."""
        super().stop(graceful)
        self._server.supervisor.stop()

    def _check_engines(self) -> None:
        try:
            self._server.supervisor.check()
        except EngineBroken as broken:
            if not self.LISTENERS:
                return  # it stops already
            if broken.status != NOTHING_TO_SERVE:  # else it has said why
                print(f"opsin: {broken}", file=sys.stderr, flush=True)
            raise HaltServer(str(broken), 2) from None


class Server(BaseApplication):  # type: ignore[misc]
    """The application as gunicorn runs it: how to configure it, and what each process does."""

    def __init__(
        self, settings: Settings, wanted: tuple[ModelReference, ...], choice: DeviceChoice, listener: socket.socket
    ) -> None:
        self.settings = settings
        self._wanted, self._choice = wanted, choice
        self._repository = Repository(settings.repository)
        self._url = url_of(settings.host, listener.getsockname()[1])
        self._listener_fd = listener.detach()  # gunicorn closes it
        self._listener_inode = os.fstat(self._listener_fd).st_ino
        self._worker: HTTPWorker | None = None
        self._engine: EngineClient | None = None
        self.metrics: Metrics | None = None  # a worker's
        self._start_token, write_end = os.pipe()  # holds one byte until the first worker has started, which takes it
        os.write(write_end, b"1")
        os.set_blocking(self._start_token, False)
        self._slot_table = self._make_slot_table()
        self.connection_counts = ConnectionCounts(settings.workers)
        self.supervisor = Supervisor(self._slot_table, self._be_engine, timeout_s=settings.engine_timeout_ms / 1000)
        self._metric_files = MetricFiles(memory_folder(), workers=settings.workers, engines=len(choice.devices))
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; see BaseApplication."""
        settings = self.settings
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener_fd}",
            "workers": settings.workers,
            "threads": settings.num_threads,
            "worker_connections": settings.num_threads + MAX_IDLE_CONNECTIONS,
            "worker_class": HTTPWorker,
            "worker_tmp_dir": memory_folder(),
            "keepalive": KEEP_ALIVE_S,
            "graceful_timeout": GRACE_S,
            "timeout": HEARTBEAT_TIMEOUT_S,
            "control_socket_disable": True,  # it would write into the home folder
            "loglevel": settings.log_level,
            "pre_fork": self._assign_partition,
            "post_fork": self._enter_worker,
            "worker_exit": self._leave_worker,
            "child_exit": self._clean_up_after,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> LeanFlask:
        """Make the application, in the worker."""
        assert self._worker is not None  # noqa: S101 - gunicorn calls post_fork first
        self._engine = EngineClient(self._slot_table, self._worker.partition)
        self.metrics = self._metric_files.metrics_of(f"http{self._worker.partition}")
        app = create_app(
            self.settings,
            engine=self._engine,
            is_stopping=self._is_stopping,
            choice=self._choice,
            metrics=self.metrics,
        )
        self._take_start_token()
        return app

    def wait_when_full(self) -> float | None:
        """Tell the worker when to refuse uploads at once, and how long those it refuses should wait."""
        return self._engine.wait_when_full() if self._engine else None

    def run(self) -> None:
        """Serve until a signal; leaves by SystemExit."""
        log.info("runs on %s", self._choice)
        try:
            Master(self).run()
        finally:  # workers leave this way too
            self._metric_files.remove()

    def _make_slot_table(self) -> SlotTable:
        settings = self.settings
        num_slots = settings.workers * settings.max_queue
        _allow_files(num_slots + SPARE_FILES)
        try:
            return SlotTable(
                num_partitions=settings.workers,
                slots_per_partition=settings.max_queue,
                num_engines=len(self._choice.devices),
                pixel_bytes=max(MIN_PIXEL_BYTES, pixel_bytes_of(self._repository, self._wanted)),
                max_classes=MAX_CLASSES,
            )
        except OSError as error:
            raise SettingsError(
                f"OPSIN_MAX_QUEUE x OPSIN_WORKERS, {num_slots}, is more than this system allows: {error.strerror}"
            ) from None

    def _be_engine(self, number: int) -> None:
        device = self._choice.devices[number]
        setproctitle(f"opsin: engine {device.name}")
        self._close_listener()
        device.hide_others()
        if device.gpu is not None and self.settings.cache is not None:
            keep_compiled_code(self.settings.cache, os.environ)
        config = EngineConfig(self._repository, self._wanted, plan_for(device, self.settings))
        note_batch = self._metric_files.metrics_of(f"engine{number}").note_batch
        on_ready = self._announce if number == 0 else lambda _: None
        engine_main(self._slot_table, number, config, on_ready=on_ready, note_batch=note_batch)

    def _close_listener(self) -> None:
        """Let go of the port, in an engine: a connection that is made to it while the server stops must be refused.

        An engine that is started then inherits no listener, and its number may stand for another file already.
        """
        with suppress(OSError):
            if os.fstat(self._listener_fd).st_ino == self._listener_inode:
                os.close(self._listener_fd)

    def _announce(self, catalogue: Catalogue) -> None:
        default, *others = catalogue.models
        more = f" and {len(others)} more" if others else ""
        serves = f"Opsin serves {default.name} version {default.version}{more} at {self._url}"
        print(f"{serves}\nOpsin runs on {self._choice}", flush=True)

    def _assign_partition(self, master: Master, worker: HTTPWorker) -> None:
        taken = {other.partition for other in master.WORKERS.values()}
        worker.partition = min(set(range(self.settings.workers)) - taken)

    def _enter_worker(self, _master: Master, worker: HTTPWorker) -> None:
        setproctitle("opsin: http")
        os.nice(HTTP_NICENESS)
        self._worker = worker

    def _leave_worker(self, _master: Master, _worker: HTTPWorker) -> None:
        if self._engine:
            self._engine.close()

    def _clean_up_after(self, master: Master, worker: HTTPWorker) -> None:
        """Cancel what a worker left; and end instead of forking for ever when one dies before any has started."""
        self._slot_table.cancel(worker.partition)
        is_token_there = bool(select.select([self._start_token], [], [], 0)[0])
        if is_token_there and master.LISTENERS:
            raise HaltServer("a worker died while it started", Arbiter.WORKER_BOOT_ERROR)

    def _is_stopping(self) -> bool:
        return self._worker is not None and not self._worker.alive

    def _take_start_token(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._start_token, 1)


def _allow_files(number: int) -> None:
    """Raise the limit on open files as far as it may be; many systems still begin with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(number, soft) if soft != resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
