"""The processes behind the HTTP workers, engines and decoders: what they share, what each does, who watches them.

To be made in the master before anything is forked. It owns the slot table and the decoders' channels.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from setproctitle import setproctitle

from models.runtime_choice.kept_trials import default_folder
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.compile_cache import keep_compiled_code
from server.decoding.decoder import MAX_SMALL_MEMORY_BYTES
from server.decoding.process import decoder_main
from server.decoding.supervisor import DecoderSupervisor
from server.decoding.task_channel import TaskChannel
from server.devices import DeviceChoice, plan_for
from server.engine.catalogue import Catalogue
from server.engine.process import EngineConfig, engine_main, pixel_bytes_of
from server.engine.slot_table import SlotTable
from server.engine.slot_timings import SlotTimings
from server.engine.supervisor import Supervisor
from server.engine.worker_runs import WorkerRuns
from server.metrics import Metrics
from server.setting_rows import SettingsError
from server.settings import Settings

log = logging.getLogger("opsin.server")

MIN_PIXEL_BYTES = 1024 * 1024 * 3  # room for versions that come later; memory is used only where pixels are written
MAX_CLASSES = 65_536
DECODERS_PER_WORKER = 2  # for small images, and for large ones


class BackEnd:
    """See the module.

    Args:
        settings: checked already.
        wanted: the models to serve, the default first; none: every model there is.
        choice: the devices, one for each engine.
        metrics_of: opens the metrics of a process, given its place.
        begin: called in each process, first of all: lets go of what the master alone should have.
        announce: called once, when the first engine is ready.

    Attributes:
        image_bytes: pixels of one image of the largest model.
        slot_table: to which workers give images.
        slot_timings: when each ran, for traces and for clients that ask.
        worker_runs: what workers run by themselves.
        channels: of the decoders of all workers.

    Raises:
        SettingsError: this system does not allow so many slots.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: tuple[ModelReference, ...],
        choice: DeviceChoice,
        *,
        metrics_of: Callable[[str], Metrics],
        begin: Callable[[], None],
        announce: Callable[[Catalogue], None],
    ) -> None:
        self._settings, self._wanted, self._choice = settings, wanted, choice
        self._metrics_of, self._begin, self._announce = metrics_of, begin, announce
        self._master_pid = os.getpid()
        self._timeout_s = settings.engine_timeout_ms / 1000
        self._repository = Repository(settings.repository)
        self.image_bytes = pixel_bytes_of(self._repository, wanted)
        self.slot_table = self._make_slot_table()
        self.slot_timings = SlotTimings(self.slot_table.num_slots)
        self.worker_runs = WorkerRuns(settings.num_partitions)
        self.channels = [
            TaskChannel(max_encoded_bytes=settings.max_upload_bytes, pixel_bytes=self.slot_table.pixel_bytes)
            for _ in range(settings.num_partitions * DECODERS_PER_WORKER)
        ]
        self._engines = Supervisor(
            self.slot_table, self._engine_main, timeout_s=self._timeout_s, note_crash=self.worker_runs.bar
        )
        self._decoders = DecoderSupervisor(self.channels, self._decoder_main)

    def channels_of(self, worker: int) -> Sequence[TaskChannel]:
        """List the channels of one worker's decoders."""
        return self.channels[worker * DECODERS_PER_WORKER : (worker + 1) * DECODERS_PER_WORKER]

    def check(self) -> None:
        """Look after all processes, once a second; raises EngineBroken as `Supervisor.check`."""
        self._decoders.check()
        self._engines.check()

    def hung_workers(self) -> list[int]:
        """List the partitions of workers that have been running one image for too long."""
        return self.worker_runs.hung(self._timeout_s) if self._engines.is_trustworthy else []

    def cancel(self, worker: int) -> None:
        """Cancel what a worker left that has ended, and leave the version that it ran to the engine from now on."""
        self.slot_table.cancel(worker)
        if self.worker_runs.bar_what_ended(worker):
            log.error("a worker ended while it ran or loaded a model, which is left to the engine from now on")

    def stop(self) -> None:
        """End them; a second call does nothing."""
        self._engines.stop()
        self._decoders.stop()

    def _make_slot_table(self) -> SlotTable:
        settings = self._settings
        num_slots = settings.num_partitions * settings.max_queue
        try:
            return SlotTable(
                num_partitions=settings.num_partitions,
                slots_per_partition=settings.max_queue,
                num_engines=len(self._choice.devices),
                pixel_bytes=max(MIN_PIXEL_BYTES, self.image_bytes),
                max_classes=MAX_CLASSES,
            )
        except OSError as error:
            raise SettingsError(
                f"OPSIN_MAX_QUEUE x OPSIN_WORKERS, {num_slots}, is more than this system allows: {error.strerror}"
            ) from None

    def _decoder_main(self, number: int) -> None:
        setproctitle("opsin: decoder")
        self._begin()
        limits = self._settings.image_limits
        if number % DECODERS_PER_WORKER == 0:
            limits = replace(limits, max_memory_bytes=min(limits.max_memory_bytes, MAX_SMALL_MEMORY_BYTES))
        decoder_main(self.channels[number], self.channels, limits, master=self._master_pid)

    def _engine_main(self, number: int) -> None:
        device = self._choice.devices[number]
        setproctitle(f"opsin: engine {device.name}")
        self._begin()
        device.hide_others()
        if device.gpu is not None and self._settings.cache is not None:
            keep_compiled_code(self._settings.cache, os.environ)
        cache = self._settings.cache or default_folder(os.environ)
        config = EngineConfig(self._repository, self._wanted, plan_for(device, self._settings), cache)
        metrics = self._metrics_of(f"engine{number}")
        engine_main(
            self.slot_table,
            number,
            config,
            on_ready=self._announce if number == 0 else lambda _: None,
            note_batch=metrics.note_batch,
            note_run=self.slot_timings.note,
            note_shadow=metrics.note_shadow,
        )
