import errno

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from server.metric_notes import Notes, adding, counting, observing


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_values_are_kept_by_their_labels(registry):
    added = adding(Counter("seen", "", ("model", "version"), registry=registry))
    observed = observing(Histogram("took", "", ("model",), buckets=(1, 2), registry=registry))
    added["a", 1](2)
    added["a", 1](1)
    added["a", 2](5)
    observed["a",](1.5)
    assert registry.get_sample_value("seen_total", {"model": "a", "version": "1"}) == 3
    assert registry.get_sample_value("seen_total", {"model": "a", "version": "2"}) == 5
    counts = [registry.get_sample_value("took_bucket", {"model": "a", "le": bound}) for bound in ("1.0", "2.0")]
    assert counts == [0, 1]


def test_what_takes_note_is_made_once_for_each_set_of_labels(registry):
    made = []
    counter = Counter("seen", "", registry=registry)
    notes = Notes(lambda *labels: made.append(labels) or counter.inc)
    for _ in range(3):
        notes["a", 1](1)
        notes["b", 1](1)
    assert made == [("a", 1), ("b", 1)]
    assert registry.get_sample_value("seen_total") == 6


def test_request_is_counted_and_timed(registry):
    note = counting(Counter("seen", "", registry=registry), Histogram("took", "", registry=registry))
    note(0.25)
    note(0.5)
    assert registry.get_sample_value("seen_total") == registry.get_sample_value("took_count") == 2
    assert registry.get_sample_value("took_sum") == 0.75


def test_value_is_dropped_where_its_file_cannot_grow_and_that_is_said_once(caplog):
    def make(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    notes = Notes(make)
    for _ in range(2):
        notes["a",](1)
    assert caplog.messages == ["a metric is not kept: No space left on device"]
