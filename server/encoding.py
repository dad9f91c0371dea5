"""Times the writing of a response, for the metrics and, where one is wanted, for the trace."""

from __future__ import annotations

import os
import time
from types import TracebackType

from server.metrics import Metrics
from server.tracing.stages import PID, Stages


class Encoding:
    """A `with` block in which a response is written."""

    def __init__(self, metrics: Metrics, stages: Stages | None) -> None:
        self._metrics, self._stages, self._started = metrics, stages, time.monotonic()

    def __enter__(self) -> None:
        """Do nothing: it has begun."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Note what it took, where it came to a response."""
        if kind is None:
            ended = time.monotonic()
            self._metrics.note_encode(ended - self._started)
            if self._stages is not None:
                self._stages.note("encode", self._started, ended, {PID: os.getpid()})
