"""What is added to values in files stands there, as prometheus_client would have it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.mmap_dict import MmapedDict

from server.metric_values import adder, mapped_values, observer


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Make values in a file from here on, and read what stands there, by key."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", mapped_values("here"))
    yield lambda kind: {
        key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(tmp_path / f"{kind}_here.db"))
    }
    values.close_all_multiprocess_files()


def test_what_is_added_stands_in_the_file_at_once(mapped):
    counter = Counter("a", "Of a.", registry=None)
    adder(counter)(2)
    adder(counter)(0.5)
    assert list(mapped("counter").values()) == [2.5]
    assert counter._value.get() == 2.5


def test_values_that_no_longer_fit_into_the_file_are_kept_when_it_has_grown(mapped):
    counter = Counter("a", "Of a.", ("label",), registry=None)
    add = [adder(counter.labels("x" * 1000 + str(number))) for number in range(200)]
    for one in (*add, add[0]):
        one(1)
    assert sorted(mapped("counter").values()) == [1] * 199 + [2]


def test_no_count_is_lost_between_threads(mapped):
    add = adder(Counter("a", "Of a.", registry=None))
    threads = [threading.Thread(target=lambda: [add(1) for _ in range(5000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(mapped("counter").values()) == [20_000]


def check_histogram(observed):
    ours, theirs = (Histogram(name, "Of a.", buckets=(0, 0.5, 1, 10), registry=CollectorRegistry()) for name in "ab")
    observe = observer(ours)
    for value in observed:
        observe(value)
        theirs.observe(value)
    shown = [
        [(each.name, each.labels, each.value) for each in one._child_samples() if each.name != "_created"]
        for one in (ours, theirs)
    ]
    assert shown[0] == shown[1]


@given(st.lists(st.floats(-2, 20) | st.sampled_from([0.0, 0.5, 1.0, float("inf")]), max_size=20))
def test_histogram_is_that_of_the_library(observed):
    check_histogram(observed)


def test_histogram_in_a_file_is_that_of_the_library(mapped):
    check_histogram([-1, 0, 0.3, 0.5, 0.7, 1, 5, 10, 11])
    assert sum(mapped("histogram").values()) == 2 * (27.5 + 9)
