"""Has the runtimes of versions tried, one version after the other, while the engine serves.

Owns a thread, which waits for the process that tries (`models.runtime_choice.trial`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from models.runtime_choice.record import RuntimeChoice
from models.store.artifact import Artifact

log = logging.getLogger("opsin.engine")

# After which trials that other work disturbed are made again; then what they gave stays.
PAUSES_S = (60.0, 600.0)


@dataclass(slots=True)
class _Wanted:
    artifact: Artifact
    choosing: Future[RuntimeChoice]
    num_tries: int = 1
    again_at: float | None = None


class RuntimeTrials:
    """The choices that are being made. One thread calls it.

    Args:
        choose: as `models.runtime_choice.choice.choose_runtime`, of an artifact.
        clock: monotonic.
    """

    def __init__(
        self, choose: Callable[[Artifact], RuntimeChoice], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._choose, self._clock = choose, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="opsin-runtime-trials")
        self._wanted: dict[int, _Wanted] = {}

    def want(self, key: int, artifact: Artifact) -> None:
        """Have the runtime of a version chosen."""
        self._wanted[key] = _Wanted(artifact, self._thread.submit(self._choose, artifact))

    def forget(self, key: int) -> None:
        """Take no more interest in a version."""
        if wanted := self._wanted.pop(key, None):
            wanted.choosing.cancel()

    def made(self, keys: Container[int]) -> Iterator[tuple[int, Artifact, RuntimeChoice]]:
        """Yield the choices for these versions that were made since the last call."""
        for key, wanted in [each for each in self._wanted.items() if each[0] in keys]:
            if wanted.again_at is not None and self._clock() >= wanted.again_at:
                wanted.again_at, wanted.choosing = None, self._thread.submit(self._choose, wanted.artifact)
                wanted.num_tries += 1
            if wanted.again_at is not None or not wanted.choosing.done():
                continue
            try:
                choice = wanted.choosing.result()
            except Exception:
                log.exception("the runtime of model %s cannot be chosen", wanted.artifact.manifest.reference)
                del self._wanted[key]
                continue
            if choice.is_lasting or wanted.num_tries > len(PAUSES_S):
                del self._wanted[key]
            else:
                wanted.again_at = self._clock() + PAUSES_S[wanted.num_tries - 1]
            yield key, wanted.artifact, choice

    def close(self) -> None:
        """Begin no further trial."""
        self._thread.shutdown(cancel_futures=True)
