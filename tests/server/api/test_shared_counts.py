"""Counts in memory that workers share: they expire, and a flood of keys is no flood of memory."""

from __future__ import annotations

import os
import threading

import pytest

from server.api.shared_counts import NUM_SETS, ROWS_OF_SET, SharedCounts


@pytest.fixture
def counts(clock):
    return SharedCounts(clock=clock)


def test_first_of_a_key_says_when_its_count_begins_anew(counts, clock):
    assert [counts.add("a", 1, 10), counts.add("a", 2, 99), counts.add("b", 1, 10)] == [1, 3, 1]
    assert (counts.count("a"), counts.expires_in_s("a")) == (3, 10)
    clock.now += 10
    assert (counts.count("a"), counts.expires_in_s("a")) == (0, 0)
    assert counts.add("a", 1, 10) == 1


def test_process_that_is_forked_counts_with_the_others(counts):
    counts.add("a", 1, 10)
    pid = os.fork()
    if pid == 0:
        counts.add("a", 1, 10)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert counts.count("a") == 2


def test_threads_lose_no_count(counts):
    threads = [threading.Thread(target=lambda: [counts.add("a", 1, 10) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.count("a") == 2000


def test_flood_of_keys_gives_up_what_would_expire_first_and_takes_no_memory(counts):
    counts.add("long", 1, 1000)
    for number in range(2 * NUM_SETS):
        counts.add(f"flood {number}", 1, 1)
    assert counts.count("long") == 1
    size = counts._table.nbytes
    assert size == NUM_SETS * ROWS_OF_SET * 24


def test_secret_makes_it_unknown_which_keys_share_rows():
    first, second = SharedCounts(), SharedCounts()
    assert [first._rows(f"{number}") for number in range(8)] != [second._rows(f"{number}") for number in range(8)]
