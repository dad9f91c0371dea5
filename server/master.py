"""The server: a gunicorn master that holds the port and watches over HTTP workers, and the back end behind them.

The master owns the listening socket and the back end; a worker owns one partition of its slots.
A connection is never refused while the first engine loads: its request waits for the model as long as its time allows.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from setproctitle import setproctitle

from models.pixels.decode_limits import forbid_core_files
from models.store.reference import ModelReference
from server.address import ReservedPort, url_of
from server.api.shared_counts import SharedCounts
from server.applications import Belongings, make_grpc, make_http, make_light_models
from server.back_end import MAX_CLASSES, BackEnd
from server.decoding.decoder import Decoder
from server.devices import DeviceChoice
from server.engine.catalogue import Catalogue
from server.engine.client import EngineClient
from server.engine.process import NOTHING_TO_SERVE
from server.engine.supervisor import EngineBroken
from server.grpc.application import GRPCApplication
from server.grpc.worker import GRPCWorker
from server.gunicorn_internals.processes import WORKER_BOOT_ERROR, HaltServer, MasterProcess, WorkerProcess
from server.http.application import Application
from server.http.connection_counts import ConnectionCounts
from server.http.tls import TLS
from server.http.worker import HTTPWorker
from server.memory import Trimming, limit_arenas
from server.memory_bound import max_memory_bytes
from server.metric_files import MetricFiles, memory_folder
from server.prediction_counts import PredictionCounts
from server.put_off import PutOff
from server.run_to_completion import RunToCompletion
from server.setting_rows import SettingsError
from server.settings import Settings
from server.tracing.settings import TracingSettings
from server.turn import Turn

if TYPE_CHECKING:
    from server.tracing.export import TraceExport

log = logging.getLogger("opsin.server")

KEEP_ALIVE_S = 75  # longer than the 60 s of common load balancers, so that they, not we, close an idle connection
GRACE_S = 30  # for requests in hand when the server stops
HEARTBEAT_TIMEOUT_S = 60
# With far more clients than can be answered, refusals would take the time of the work that was accepted; more than this
# spreads the latencies of a small model (docs/performance.md).
HTTP_NICENESS = 5


def _make_trace_export(tracing: TracingSettings) -> TraceExport:
    """Load what sends traces: 0.5 s to import, for those alone who use it.

    Raises:
        SettingsError: OpenTelemetry cannot use a variable of its own; some it reads, and refuses, when it is imported.
    """
    try:
        from server.tracing.export import TraceExport

        return TraceExport(tracing)
    except Exception as error:
        kind = type(error).__name__
        raise SettingsError(f"OpenTelemetry cannot use one of the variables OTEL_... ({kind}: {error})") from error


class Server(BaseApplication):  # type: ignore[misc]
    """The application as gunicorn runs it: how to configure it, and what each process does."""

    def __init__(
        self,
        settings: Settings,
        wanted: tuple[ModelReference, ...],
        choice: DeviceChoice,
        listener: socket.socket,
        tls: TLS | None = None,
        tracing: TracingSettings | None = None,
        grpc_port: ReservedPort | None = None,
    ) -> None:
        limit_arenas()
        forbid_core_files()
        self.settings, self.tls, self.grpc_port = settings, tls, grpc_port
        self._choice = choice
        self._url = url_of(settings.host, listener.getsockname()[1], is_tls=settings.is_tls)
        self._listener_fd = listener.detach()  # gunicorn closes it
        self._listener_inode = os.fstat(self._listener_fd).st_ino
        self._worker: HTTPWorker | GRPCWorker | None = None
        self._master: MasterProcess | None = None
        self._engine: EngineClient | None = None
        self._start_token, write_end = os.pipe()  # holds one byte until the first worker has started, which takes it
        os.write(write_end, b"1")
        os.set_blocking(self._start_token, False)
        self._grpc_token, write_end = os.pipe()  # the same, until gRPC has been announced
        os.write(write_end, b"1")
        os.set_blocking(self._grpc_token, False)
        self._back_end = BackEnd(
            settings,
            wanted,
            choice,
            metrics_of=lambda place: self._metric_files.metrics_of(place),
            begin=self._let_go_of_port,
            announce=self._announce,
        )
        self._max_memory_bytes = max_memory_bytes(
            settings, num_engines=len(choice.devices), image_bytes=self._back_end.image_bytes
        )
        self._trace_export = None if tracing is None else _make_trace_export(tracing)
        self._client_counts = SharedCounts()
        self._predictions = PredictionCounts(settings.num_partitions, max_classes=MAX_CLASSES)
        self.connection_counts = ConnectionCounts(settings.workers)
        self._metric_files = MetricFiles(memory_folder(), workers=settings.num_partitions, engines=len(choice.devices))
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; called by gunicorn."""
        settings = self.settings
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener_fd}",
            "workers": settings.num_partitions,
            "threads": settings.num_threads,
            "worker_connections": settings.num_connections,
            "worker_class": HTTPWorker,
            "worker_tmp_dir": memory_folder(),
            "keepalive": KEEP_ALIVE_S,
            "graceful_timeout": GRACE_S,
            "timeout": HEARTBEAT_TIMEOUT_S,
            "control_socket_disable": True,  # it would write into the home folder
            # Its requests are https then; the sockets are wrapped by the worker.
            "certfile": None if settings.tls_certificate is None else str(settings.tls_certificate),
            "keyfile": None if settings.tls_key is None else str(settings.tls_key),
            "forwarded_allow_ips": ",".join(str(network) for network in settings.trusted_proxies),
            "errorlog": None,  # its lines are written as ours are (server.logs)
            "loglevel": "debug",
            "pre_fork": self.pre_fork,
            "post_fork": self.post_fork,
            "worker_exit": self.worker_exit,
            "child_exit": self.child_exit,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Application | GRPCApplication:
        """Make the application; called by gunicorn, in the worker."""
        worker = self._worker
        assert worker is not None  # noqa: S101 - gunicorn calls post_fork first
        back_end, put_off, turn = self._back_end, PutOff(), Turn()
        metrics = self._metric_files.metrics_of(f"http{worker.partition}", call=put_off)
        self._engine = EngineClient(back_end.slot_table, worker.partition, timings=back_end.slot_timings)
        decoder = Decoder(
            back_end.channels_of(worker.partition),
            limits=self.settings.image_limits,
            note_decode=metrics.note_decode,
            note_queue=metrics.note_decode_queue,
        )
        to_completion = None
        if not isinstance(worker, GRPCWorker):  # whose threads lead nobody
            models = make_light_models(self.settings, self._choice, back_end, worker.partition, self._engine)
            to_completion = None if models is None else RunToCompletion(models, decoder, turn, metrics)
        self._predictions.begin_as(worker.partition)
        Trimming(forget=self._engine.drop_free_pixels).start()
        own = Belongings(
            self.settings,
            self._engine,
            decoder,
            metrics,
            self._predictions,
            self._client_counts,
            put_off,
            turn,
            to_completion,
            is_stopping=lambda: not worker.alive,
        )
        application: Application | GRPCApplication
        if isinstance(worker, GRPCWorker):
            application = make_grpc(own, trace_export=self._trace_export)
        else:
            application = make_http(
                own, channels=back_end.channels, choice=self._choice, trace_export=self._trace_export
            )
        with suppress(BlockingIOError):  # where an earlier worker has taken it
            os.read(self._start_token, 1)
        return application

    def run(self) -> None:
        """Serve until a signal; leaves by SystemExit."""
        log.info("runs on %s", self._choice)
        master = self._master = MasterProcess(
            self,
            min_workers=1 + (self.grpc_port is not None),
            max_workers=self.settings.num_partitions,
            class_of_next=self._class_of_next,
            check_children=self._check_children,
            stop_children=self._back_end.stop,
        )
        gc.freeze()  # what is here now is the same in every process; collecting it would only copy it
        try:
            master.run()
        finally:  # workers leave this way too
            self._metric_files.remove()

    def _check_children(self, master: MasterProcess) -> None:
        try:
            self._back_end.check()
            self._end_hung_workers(master)
        except EngineBroken as broken:
            if master.is_stopping:
                return
            if broken.status != NOTHING_TO_SERVE:  # else it has said why
                print(f"opsin: {broken}", file=sys.stderr, flush=True)
            raise HaltServer(str(broken), 2) from None

    def _end_hung_workers(self, master: MasterProcess) -> None:
        """Kill the workers that run an image for too long; gunicorn starts others."""
        hung = self._back_end.hung_workers()
        for worker in master.workers:
            if worker.partition in hung:
                log.error("an HTTP worker (pid %d) hangs in a model, it is killed and started anew", worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

    def _let_go_of_port(self) -> None:
        """Close the listener in a child: a connection that is made to it while the server stops must be refused.

        The first children have it as it was bound, later ones as gunicorn has it; its first number may be another
        file's by then.
        """
        with suppress(OSError):
            if os.fstat(self._listener_fd).st_ino == self._listener_inode:
                os.close(self._listener_fd)
        if self._master is not None:
            self._master.close_inherited()
        if self.grpc_port is not None:
            self.grpc_port.close()

    def _announce(self, catalogue: Catalogue) -> None:
        default, *others = catalogue.models
        more = f" and {len(others)} more" if others else ""
        serves = f"Opsin serves {default.name} version {default.version}{more} at {self._url}"
        takes = f"Opsin takes at most {math.ceil(self._max_memory_bytes / 1e8) / 10} GB of memory beside its models"
        print(f"{serves}\nOpsin runs on {self._choice}\n{takes}", flush=True)

    def announce_grpc(self) -> None:
        """Say where gRPC is served, once; called by its worker when it is."""
        with suppress(BlockingIOError):
            os.read(self._grpc_token, 1)
            print(f"Opsin serves gRPC at {self.grpc_port.url if self.grpc_port else ''}", flush=True)

    def _class_of_next(self, master: MasterProcess) -> type[WorkerProcess]:
        """Choose what is to be forked: the process of gRPC where that is wanted and missing, else one of HTTP."""
        is_missing = not any(isinstance(worker, GRPCWorker) for worker in master.workers)
        return GRPCWorker if self.grpc_port is not None and is_missing else HTTPWorker

    def pre_fork(self, master: MasterProcess, worker: HTTPWorker | GRPCWorker) -> None:
        """Assign a partition of the slots to a worker: the last one to that of gRPC."""
        if isinstance(worker, GRPCWorker):
            worker.partition = self.settings.workers
            worker.age = math.inf  # where there are to be fewer workers, the oldest ends, which has the lowest
            return
        taken = {other.partition for other in master.workers}
        worker.partition = min(set(range(self.settings.workers)) - taken)

    def post_fork(self, _master: MasterProcess, worker: HTTPWorker | GRPCWorker) -> None:
        """Begin as a worker, in its process."""
        setproctitle("opsin: grpc" if isinstance(worker, GRPCWorker) else "opsin: http")
        os.nice(HTTP_NICENESS)
        self._worker = worker

    def worker_exit(self, _master: MasterProcess, worker: HTTPWorker | GRPCWorker) -> None:
        """End as a worker, in its process."""
        self._back_end.worker_runs.leave(worker.partition)
        if self._engine:
            self._engine.close()
        if self._trace_export:
            self._trace_export.close()

    def child_exit(self, master: MasterProcess, worker: HTTPWorker | GRPCWorker) -> None:
        """Cancel what a worker left; and end instead of forking for ever when one dies before any has started."""
        self._back_end.cancel(worker.partition)
        is_token_there = bool(select.select([self._start_token], [], [], 0)[0])
        if is_token_there and not master.is_stopping:
            raise HaltServer("a worker died while it started", WORKER_BOOT_ERROR)
