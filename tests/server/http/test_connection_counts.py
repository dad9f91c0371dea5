"""How many connections each HTTP worker has."""

from __future__ import annotations

import os

from server.http.connection_counts import ConnectionCounts


def test_worker_with_more_than_another_is_told_so():
    counts = ConnectionCounts(3)
    assert not counts.has_more_than_another(0)
    counts.set(0, 1)
    counts.set(1, 1)
    assert [counts.has_more_than_another(worker) for worker in range(3)] == [True, True, False]
    assert [counts.has_more_than_another(worker, by=30) for worker in range(3)] == [False, False, False]


def test_counts_are_seen_by_other_processes():
    counts = ConnectionCounts(2)
    pid = os.fork()
    if not pid:
        counts.set(1, 5)
        os._exit(0)
    os.waitpid(pid, 0)
    assert counts.has_more_than_another(1)
