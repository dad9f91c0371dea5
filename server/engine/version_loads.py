"""Loads versions beside the thread that follows the repository, so that no change waits for what another one loads.

Owns a thread, which loads one version after the other: that takes from milliseconds to minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from models.errors import OpsinError
from models.store.artifact import Artifact
from models.store.repository import Repository
from server.engine.load_attempts import LoadAttempts
from server.engine.loaded import LoadedModel

Version = tuple[str, int]
Loaded = tuple[Artifact, LoadedModel]


class VersionLoads:
    """The versions that are being loaded. One thread calls it.

    Args:
        repository: where they are.
        load: makes a loaded, warm model; in another thread.
        load_attempts: within which it is loaded.
        executor: whose thread loads; one of its own if None.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        load: Callable[[Artifact], LoadedModel],
        load_attempts: LoadAttempts,
        executor: Executor | None = None,
    ) -> None:
        self._repository, self._load, self._load_attempts = repository, load, load_attempts
        if executor is None:
            executor = ThreadPoolExecutor(1, thread_name_prefix="opsin-version-loads")
            executor.submit(int)  # which begins its thread: one more later on is a leak
        self._executor = executor
        self._coming: dict[Version, Future[Loaded]] = {}
        self._asked: set[Version] = set()

    @property
    def names(self) -> frozenset[str]:
        """The models of which a version is being loaded."""
        return frozenset(name for name, _ in self._coming)

    def now(self, name: str, version: int) -> Loaded:
        """Load a version before anything else is done; raises VersionRefused where that cannot be."""
        with self._load_attempts.attempt(name, version):
            artifact = self._repository.load(name, version)
            return artifact, self._load(artifact)

    def take(self, name: str, version: int) -> Loaded | None:
        """Take a version that has been loaded; None while it is being loaded, which this begins.

        Raises:
            VersionRefused: it cannot be loaded; while it is tried again, too.
        """
        self._asked.add(key := (name, version))
        if (loading := self._coming.get(key)) is None:
            self._load_attempts.check(name, version)
            loading = self._coming[key] = self._executor.submit(self.now, name, version)
        if not loading.done():
            self._load_attempts.check_last(name, version)
            return None
        return self._coming.pop(key).result()

    def drop_others(self) -> None:
        """Free what nobody took or asked for since the last call; what is being loaded, once it has been."""
        for key in [key for key in self._coming if key not in self._asked]:
            loading = self._coming[key]
            if loading.cancel() or loading.done():
                _close(self._coming.pop(key))
        self._asked = set()

    def wait(self, timeout_s: float) -> None:
        """Wait until one of them has been loaded, and no longer."""
        if waiting := [loading for loading in self._coming.values() if not loading.done()]:
            wait(waiting, timeout_s, FIRST_COMPLETED)
        else:
            time.sleep(timeout_s)

    def close(self) -> None:
        """Free everything, once it has been loaded."""
        self._executor.shutdown(cancel_futures=True)
        self._asked = set()
        self.drop_others()


def _close(loading: Future[Loaded]) -> None:
    """Free what was loaded for nobody."""
    with suppress(OpsinError, CancelledError):  # then there is nothing to free
        loading.result()[1].close()
