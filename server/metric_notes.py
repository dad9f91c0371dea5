"""What counts or times something under one set of labels, made when it is first needed and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable

from prometheus_client import Counter, Histogram

from server.metric_values import adder, observer

Note = Callable[[float], None]
Label = str | int

log = logging.getLogger("opsin.metrics")


class Notes(dict[tuple[Label, ...], Note]):
    """Finds by labels what takes note of a value.

    Args:
        make: gives what takes note under the labels that it is called with.
    """

    def __init__(self, make: Callable[..., Note]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, labels: tuple[Label, ...]) -> Note:
        """Make it; where no file can grow for it, one that drops its values."""
        try:
            note = self._make(*labels)
        except OSError as error:
            note = dropping(error)
        self[labels] = note
        return note


def adding(counter: Counter) -> Notes:
    """Give what adds to a counter."""
    return Notes(lambda *labels: adder(counter.labels(*labels)))


def observing(histogram: Histogram) -> Notes:
    """Give what observes a value in a histogram."""
    return Notes(lambda *labels: observer(histogram.labels(*labels)))


def counting(counter: Counter, histogram: Histogram) -> Note:
    """Give what counts one, and observes what it took, in seconds."""
    count, observe = adder(counter), observer(histogram)

    def note(duration_s: float) -> None:
        count(1)
        observe(duration_s)

    return note


def dropping(error: OSError) -> Note:
    """Give what drops values, and log why."""
    log.error("a metric is not kept: %s", error.strerror)
    return lambda _: None
