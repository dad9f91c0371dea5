"""The engine process: it loads models, runs the slots that wait for it, and shows that it is alive.

Threads: the main one follows the repository, one loads what is new there, one shows a heartbeat, and the runners run.
Signals that a terminal or an orchestrator sends to all processes leave it alone: the supervisor kills it once the HTTP
workers have finished. It has nothing to save: what was in hand stands in the table.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from models.errors import OpsinError
from models.runtime import RuntimeName
from models.runtime_choice.record import RuntimeChoice
from models.store.artifact import Artifact
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.engine.batcher import Batch, Batcher
from server.engine.catalogue import Catalogue
from server.engine.load_attempts import LoadAttempts
from server.engine.loaded import ExecutionPlan, LoadedModel, load_model
from server.engine.model_control import ControlState, ModelControl
from server.engine.registry import ModelRegistry
from server.engine.runners import NoteBatch, Runners
from server.engine.runtime_exchange import RuntimeExchange
from server.engine.shadows import NoteShadow, Shadows
from server.engine.shared_catalogue import CatalogueReader, write_catalogue
from server.engine.slot_table import SlotTable
from server.engine.version_loads import VersionLoads

log = logging.getLogger("opsin.engine")

HEARTBEAT_S = 0.1
REFRESH_S = 0.5
NOTHING_TO_SERVE = 4  # exit status


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The settings of one engine.

    Attributes:
        repository: where the models are.
        wanted: the models to serve, the default first; none: every model there is.
        plan: how it uses its device.
        cache: where trials of runtimes are kept; None for nowhere.
    """

    repository: Repository
    wanted: tuple[ModelReference, ...]
    plan: ExecutionPlan
    cache: Path | None = None


def engine_main(
    table: SlotTable,
    engine: int,
    config: EngineConfig,
    *,
    on_ready: Callable[[Catalogue], None],
    note_batch: NoteBatch,
    note_run: Callable[[Batch, float, float, RuntimeName], None] | None = None,
    note_shadow: NoteShadow = lambda *_: None,
) -> None:
    """Serve as an engine until killed; leaves only by SystemExit, with NOTHING_TO_SERVE and a line on stderr.

    Args:
        table: inherited from the supervisor.
        engine: its number in the slot table.
        config: what to do.
        on_ready: called once, when every model is warm.
        note_batch: called after each batch, as `server.engine.runners.Runners` says.
        note_run: called before its outcome is announced, as it says too, with the runtime that ran it.
        note_shadow: called with what became of each image that a shadow was to be asked.
    """
    ignore_signals()
    threading.Thread(target=_show_life, args=(table, engine, os.getppid()), name="opsin-heartbeat", daemon=True).start()
    plan = config.plan
    batcher = Batcher(table, engine, num_runners=plan.num_runners, max_queue_delay_s=plan.max_queue_delay_s)

    def note_with_runtime(batch: Batch, started: float, ended: float) -> None:
        if note_run is not None and (loaded := runners.models.get(batch.model)):
            note_run(batch, started, ended, loaded.runtime)

    shadows = Shadows(note_shadow, culprit=table.shadow_culprit[engine : engine + 1])
    runners = Runners(
        table,
        engine,
        batcher,
        models={},
        num_runners=plan.num_runners,
        awaits_lone=plan.num_lone_threads > 1,
        note_batch=note_batch,
        note_run=None if note_run is None else note_with_runtime,
        shadows=shadows,
    )
    catalogue = CatalogueReader(table, engine)
    before = catalogue.read()
    registry = make_registry(table, engine, config, batcher=batcher, runners=runners, shadows=shadows, before=before)
    asked = table.control.read()
    try:
        registry.refresh(asked.unloaded)
    except OpsinError as error:
        print(f"opsin: {error}", file=sys.stderr, flush=True)
        sys.exit(NOTHING_TO_SERVE)
    runners.start()
    batcher.ring_all()
    table.is_ready[engine] = 1
    if before.default is None:
        on_ready(catalogue.read())
    table.control.note_followed(engine, asked)
    follow(registry, table.control, engine, asked)


def ignore_signals() -> None:
    """Leave what a terminal or an orchestrator sends to the supervisor."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the master's handler is not for the processes that try runtimes
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def follow(registry: ModelRegistry, control: ModelControl, engine: int, asked: ControlState) -> NoReturn:
    """Load what the repository and the control of models ask for from now on.

    Args:
        registry: that serves already.
        control: by which models are asked for.
        engine: its number in the slot table.
        asked: what has been followed so far.
    """
    while True:
        registry.wait(REFRESH_S)
        before_asked, asked = asked, control.read()
        try:
            for name, asked_at in asked.asked_at.items():
                if asked_at > before_asked.number:
                    registry.forget_refusals(name)
            registry.refresh(asked.unloaded)
        except Exception:
            log.exception("the repository cannot be followed; what is served stays")
        followed = control.number_followed(engine)
        if registry.loading.isdisjoint(name for name, asked_at in asked.asked_at.items() if asked_at > followed):
            control.note_followed(engine, asked)


def make_registry(
    table: SlotTable,
    engine: int,
    config: EngineConfig,
    *,
    batcher: Batcher,
    runners: Runners,
    shadows: Shadows,
    before: Catalogue,
) -> ModelRegistry:
    """Put the parts of an engine together."""
    plan, load_attempts = config.plan, LoadAttempts(table.load_attempts[engine], before=before)

    def set_models(models: dict[int, LoadedModel]) -> None:
        runners.models = models

    def show(catalogue: Catalogue) -> None:
        write_catalogue(table, engine, catalogue)
        shadows.follow(catalogue)

    def load(artifact: Artifact, runtime: RuntimeName = plan.runtime) -> LoadedModel:
        own = replace(plan, runtime=runtime)
        return load_model(artifact, own, pixel_bytes=table.pixel_bytes, max_classes=table.max_classes)

    trials = None
    if plan.is_runtime_tried:  # what it takes would be 0.05 s of each start
        from models.runtime_choice.choice import choose_runtime
        from server.engine.runtime_trials import RuntimeTrials

        trials = RuntimeTrials(partial(choose_runtime, folder=config.cache))
    return ModelRegistry(
        config.repository,
        config.wanted,
        loads=VersionLoads(config.repository, load=load, load_attempts=load_attempts),
        set_models=set_models,
        show=show,
        is_needed=lambda key: shadows.is_running(key) or batcher.is_needed(key),
        load_attempts=load_attempts,
        exchange=RuntimeExchange(
            RuntimeChoice(plan.runtime, plan.runtime_reason),
            trials=trials,
            load=load,
            load_attempts=load_attempts,
            running_since=lambda: table.running_since[engine].copy(),
        ),
        before=before,
    )


def _show_life(table: SlotTable, engine: int, supervisor: int) -> None:
    while os.getppid() == supervisor:
        table.heartbeat[engine] = time.monotonic()
        time.sleep(HEARTBEAT_S)
    os._exit(0)  # nobody is left to work for


def pixel_bytes_of(repository: Repository, wanted: Sequence[ModelReference]) -> int:
    """Find the bytes of one image of the largest model in the repository; 0 where none can be read."""
    needed = [0]
    for want in wanted or [ModelReference(name) for name in repository.names()]:
        try:
            spec = repository.load(want.name, want.version, verify=False).manifest.pixels
            needed.append(spec.height_px * spec.width_px * 3)
        except OpsinError as error:
            log.debug("%s", error)  # the engine will say so
    return max(needed)
