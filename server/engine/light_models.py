"""Copies of light models in an HTTP worker, which runs them by itself for requests that cost little.

The engine stays the one that decides what is served: a version is loaded here only when the catalogue has it, from the
same file by its sha256, in the same way and by the same runtime, so the answers are the engine's bit for bit. What
turns out to run for long, is large, is barred (`server.engine.worker_runs`) or has a shadow, is left to the engine.

Owns the copies, and the thread that loads and frees them: no request waits for it.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from models.runtime import RuntimeName
from models.store.repository import Repository
from server.engine.catalogue import Catalogue, ServedModel, key_of
from server.engine.loaded import ExecutionPlan, LoadedModel, load_model
from server.engine.slot_table import SlotTable
from server.engine.worker_runs import Step, WorkerRuns
from server.memory import trim

log = logging.getLogger("opsin.light")

RUNTIME: RuntimeName = "litert"  # as cheap to load as it is to run, and its answers do not depend on the process
LIGHT_S = 0.002  # of processor time that a run may take; at 4 ms a hand-over does not matter (docs/performance.md)
PROMPT_S = 0.02  # that it may take in all: whoever waits for something else than a core keeps others waiting
NUM_TRIALS, TRIAL_PAUSE_S = 8, 0.02  # of which the best counts, as others may want the core, too
TRIED_S = 0.5  # after which there is no further trial
MAX_FILES_BYTES = 4 * 1024**2  # of all that a worker has loaded
LOOK_S = 1.0  # whether the catalogue has still what is loaded

Version = tuple[str, int, str]  # name, number, and sha256 of the file


class LightModel:
    """A copy of a version, which one thread runs at a time.

    Args:
        loaded: with a runtime of one thread, and one of all cores.
        key: that stands for the version in shared memory.
        file_bytes: of its file.

    Attributes:
        pixels: uint8 [height, width, 3], room for those of the image that is to be run.
    """

    def __init__(self, loaded: LoadedModel, key: int, *, file_bytes: int) -> None:
        self.loaded, self.key, self.file_bytes = loaded, key, file_bytes
        self.pixels = np.zeros((loaded.served.pixels.height_px, loaded.served.pixels.width_px, 3), np.uint8)
        self._lock = threading.Lock()
        self._is_closed = False

    def begin(self) -> bool:
        """Take it, without waiting, for a `with` block; False where another thread has it, or it has been freed."""
        if not self._lock.acquire(blocking=False):
            return False
        if self._is_closed:
            self._lock.release()
        return not self._is_closed

    def __enter__(self) -> None:
        """Do nothing: it has been taken."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lock.release()

    def close(self) -> None:
        """Free it, once it is not run any more."""
        with self._lock:
            self._is_closed = True
            self.loaded.close()


class LightModels:
    """Those of one worker.

    Args:
        repository: of the versions.
        table: what may be loaded has to fit into it.
        runs: where what is loaded and run is noted.
        worker: its partition.
        num_cores: for an image that is all there is to do.
        catalogue: reads what is served.
    """

    def __init__(
        self,
        repository: Repository,
        table: SlotTable,
        runs: WorkerRuns,
        worker: int,
        *,
        num_cores: int,
        catalogue: Callable[[], Catalogue],
    ) -> None:
        self._repository, self._table, self._runs, self._worker = repository, table, runs, worker
        self._read_catalogue = catalogue
        self._plan = ExecutionPlan(RUNTIME, num_runners=1, num_lone_threads=num_cores)
        self._models: dict[Version, LightModel] = {}  # replaced by the loading thread alone
        self._left_out: frozenset[Version] = frozenset()
        self._followed: tuple[Catalogue, int] | None = None
        self._fit: frozenset[Version] = frozenset()
        self._wanted: set[Version] = set()
        self._wake = threading.Event()

    def start(self) -> None:
        """Load what is wanted for as long as the process lives, in a thread of its own."""

        def follow_for_ever() -> None:
            while True:
                self._wake.wait(LOOK_S if self._models else None)
                self._wake.clear()
                self.follow()

        threading.Thread(target=follow_for_ever, name="opsin-light-models", daemon=True).start()

    def find(self, served: ServedModel, catalogue: Catalogue) -> LightModel | None:
        """Find the copy of a version; None where there is none, or none yet: then it is loaded, if it may be."""
        now = (catalogue, self._runs.num_barred)
        if self._followed is None or now[0] is not self._followed[0] or now[1] != self._followed[1]:
            self._followed, self._fit = now, self._fitting(catalogue)
            self._wake.set()
        version = _version_of(served)
        if version not in self._fit:
            return None
        if (model := self._models.get(version)) is None and version not in self._left_out:
            self._wanted.add(version)
            self._wake.set()
        return model

    def run(self, model: LightModel, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a copy that has begun: the probabilities, float32 [1, C]; raises whatever native code does.

        All cores may work on the image where neither an engine nor another worker has any.
        """
        is_lone = not self._table.num_in_use and self._runs.is_alone(self._worker)
        self._runs.begin(self._worker, model.key)
        try:
            return model.loaded.run([image], runner=0, is_lone=is_lone)
        finally:
            self._runs.end(self._worker)

    def follow(self) -> None:
        """Free what is served no more, and load what was wanted."""
        catalogue = self._read_catalogue()
        fitting = self._fitting(catalogue)
        gone = {version: model for version, model in self._models.items() if version not in fitting}
        if gone:
            self._models = {version: model for version, model in self._models.items() if version not in gone}
            for model in gone.values():
                model.close()
            trim()
        self._left_out &= fitting
        served = {_version_of(model): model for model in catalogue.models}
        while self._wanted:
            version = self._wanted.pop()
            if version in fitting and version not in self._models and version not in self._left_out:
                self._load(served[version])

    def _load(self, served: ServedModel) -> None:
        version, model = _version_of(served), None
        self._runs.begin(self._worker, key_of(served.name, served.version), Step.LOAD)
        try:
            model = self._loaded(served)
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the engine has the version
            log.warning("model %s version %d is left to the engine: %s", served.name, served.version, error)
        self._runs.end(self._worker, Step.LOAD)
        if model is None:
            self._left_out |= {version}
        else:
            self._models = {**self._models, version: model}

    def _loaded(self, served: ServedModel) -> LightModel | None:
        """Load a version; None where it is not light, or there is no room for it, or its file is another by now."""
        artifact = self._repository.load(served.name, served.version, verify=False)
        path = artifact.model_path(RUNTIME)
        file_bytes = path.stat().st_size
        if file_bytes + sum(model.file_bytes for model in self._models.values()) > MAX_FILES_BYTES:
            return None
        if hashlib.sha256(path.read_bytes()).hexdigest() != served.file_sha256:
            return None
        room = {"pixel_bytes": self._table.pixel_bytes, "max_classes": self._table.max_classes}
        loaded = load_model(artifact, self._plan, **room)
        model = LightModel(loaded, key_of(served.name, served.version), file_bytes=file_bytes)
        cpu_s, wall_s = _best_s(model)
        log.info("a run of model %s version %d takes %.1f ms", served.name, served.version, 1000 * cpu_s)
        if cpu_s > LIGHT_S or wall_s > PROMPT_S:
            model.close()
            trim()
            return None
        return model

    def _fitting(self, catalogue: Catalogue) -> frozenset[Version]:
        """List the versions that a worker may run: by LiteRT, and where no shadow is to be asked, too."""
        shadowed = {(split.name, split.stable) for split in catalogue.splits if split.is_shadow}
        return frozenset(
            _version_of(model)
            for model, choice in zip(catalogue.models, catalogue.runtimes, strict=False)
            if choice.runtime == RUNTIME
            and model.file_sha256
            and (model.name, model.version) not in shadowed
            and not self._runs.is_barred(key_of(model.name, model.version))
        )


def _version_of(served: ServedModel) -> Version:
    return served.name, served.version, served.file_sha256


def _best_s(model: LightModel) -> tuple[float, float]:
    """Measure what a run takes at best, with pixels of all values: processor time, and time."""
    model.pixels[:] = np.arange(model.pixels.size).astype(np.uint8).reshape(model.pixels.shape)
    cpu_s, wall_s = list[float](), list[float]()
    while len(wall_s) < NUM_TRIALS and sum(wall_s) < TRIED_S:
        began_cpu_s, began = time.thread_time(), time.monotonic()
        model.loaded.run([model.pixels], runner=0, is_lone=False)
        cpu_s.append(time.thread_time() - began_cpu_s)
        wall_s.append(time.monotonic() - began)
        time.sleep(TRIAL_PAUSE_S)
    return min(cpu_s), min(wall_s)
