"""Puts a faster runtime in the place of the one that a version began to serve with; no request notices.

A version serves as soon as LiteRT has loaded it. Another runtime that turned out faster is loaded beside it, and then
run from the next batch on. What ran before is freed when every batch that had begun by then has ended. One whose
loading ends the engine is not tried by the next engine (`load_attempts`).

Owns a thread, which loads: that may take a minute, and the thread that follows the repository must not wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from models.runtime import RuntimeName
from models.runtime_choice.record import NO_OTHER_FILE, RuntimeChoice
from models.store.artifact import Artifact
from server.engine.load_attempts import LoadAttempts
from server.engine.loaded import LoadedModel
from server.memory import trim

if TYPE_CHECKING:
    from server.engine.runtime_trials import RuntimeTrials

log = logging.getLogger("opsin.engine")


class RuntimeExchange:
    """The runtimes of the versions of an engine. One thread calls it.

    Args:
        first: what a version serves with at first.
        trials: tell what is faster; None where the first one stays.
        load: makes a loaded, warm model with a runtime; in another thread.
        load_attempts: within which it is loaded.
        running_since: reads float64 [runners], when each began its batch; 0 where it has none.
        executor: whose thread loads; one of its own if None.
    """

    def __init__(
        self,
        first: RuntimeChoice,
        *,
        trials: RuntimeTrials | None,
        load: Callable[[Artifact, RuntimeName], LoadedModel],
        load_attempts: LoadAttempts,
        running_since: Callable[[], NDArray[np.float64]],
        executor: Executor | None = None,
    ) -> None:
        self._first, self._trials, self._load = first, trials, load
        self._load_attempts, self._running_since = load_attempts, running_since
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="opsin-runtime-loads")
        self._choices: dict[int, RuntimeChoice] = {}
        self._coming: dict[int, tuple[RuntimeChoice, Future[LoadedModel]]] = {}
        self._replaced: list[tuple[NDArray[np.float64], LoadedModel]] = []

    def choice_of(self, key: int) -> RuntimeChoice:
        """Tell what runs a version, and why."""
        return self._choices.get(key, self._first)

    def begin(self, key: int, artifact: Artifact, runtime: RuntimeName) -> None:
        """Have the runtimes of a version tried that has just been loaded with one."""
        if runtime != self._first.runtime:
            self._choices[key] = RuntimeChoice(runtime, NO_OTHER_FILE)
        elif self._trials is not None:
            self._trials.want(key, artifact)

    def end(self, key: int) -> None:
        """Forget a version that serves no more."""
        self._choices.pop(key, None)
        if coming := self._coming.pop(key, None):
            coming[1].cancel()
            coming[1].add_done_callback(_close)
        if self._trials is not None:
            self._trials.forget(key)

    def exchange(self, loaded: dict[int, LoadedModel], set_runnable: Callable[[], None]) -> None:
        """Begin to load what is faster, and put what has been loaded into `loaded`, which the runners are then given.

        Args:
            loaded: the versions that serve, by key.
            set_runnable: gives the runners what is in `loaded`.
        """
        for key, artifact, choice in self._trials.made(loaded) if self._trials is not None else ():
            is_failed = any(trial.fault and not trial.num_pictures for trial in choice.trials)
            log.log(logging.WARNING if is_failed else logging.INFO, "model %s: %s", artifact.manifest.reference, choice)
            if choice.runtime == loaded[key].runtime:
                self._choices[key] = choice
            else:
                self._coming[key] = choice, self._executor.submit(self._loaded, artifact, choice.runtime)
        for key in [key for key, (_, loading) in self._coming.items() if key in loaded and loading.done()]:
            self._take_over(key, *self._coming.pop(key), loaded, set_runnable)

    def _loaded(self, artifact: Artifact, runtime: RuntimeName) -> LoadedModel:
        manifest = artifact.manifest
        with self._load_attempts.attempt(f"{manifest.name} with {runtime}", manifest.version):
            return self._load(artifact, runtime)

    def _take_over(
        self,
        key: int,
        choice: RuntimeChoice,
        loading: Future[LoadedModel],
        loaded: dict[int, LoadedModel],
        set_runnable: Callable[[], None],
    ) -> None:
        before = loaded[key]
        try:
            faster = loading.result()
        except OpsinError as error:
            self._choices[key] = replace(choice, runtime=before.runtime, reason=str(error))
            log.error("%s", error)
            return
        faster.served = replace(faster.served, point=before.served.point)  # which the artifact has not
        self._choices[key], loaded[key] = choice, faster
        set_runnable()
        self._replaced.append((self._running_since(), before))

    def free_replaced(self) -> None:
        """Free what no batch runs any more."""
        now, kept = self._running_since(), []
        for then, loaded in self._replaced:
            if ((then == 0) | (now != then)).all():
                loaded.close()
                trim()
            else:
                kept.append((then, loaded))
        self._replaced = kept

    def close(self) -> None:
        """Free what was replaced; nothing may run."""
        for _, loaded in self._replaced:
            loaded.close()
        self._replaced = []
        for key in list(self._coming):
            self.end(key)
        self._executor.shutdown(cancel_futures=True)
        if self._trials is not None:
            self._trials.close()


def _close(loading: Future[LoadedModel]) -> None:
    """Free what was loaded for a version that serves no more."""
    with suppress(OpsinError, CancelledError):  # then there is nothing to free
        loading.result().close()
