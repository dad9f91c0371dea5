"""What workers run by themselves, as the master sees it."""

from __future__ import annotations

import os

import pytest

from server.engine.worker_runs import MAX_BARRED, RECENT_S, Step, WorkerRuns


@pytest.fixture
def runs(clock):
    return WorkerRuns(2, clock=clock)


@pytest.mark.parametrize("step", Step)
def test_what_a_worker_did_when_it_ended_is_barred(runs, step):
    runs.begin(0, 5)
    runs.end(0)
    runs.begin(1, 7, step)
    assert runs.bar_what_ended(0) == []
    assert runs.bar_what_ended(1) == [7]
    assert runs.is_barred(7)
    assert not runs.is_barred(5)
    assert runs.bar_what_ended(1) == []  # it is over
    assert runs.num_barred == 1


def test_nothing_is_barred_that_a_worker_did_which_ended_of_its_own_accord(runs):
    runs.begin(0, 5)
    runs.begin(0, 6, Step.LOAD)
    runs.leave(0)
    assert runs.bar_what_ended(0) == []


def test_other_processes_see_what_is_barred(runs):
    if (pid := os.fork()) == 0:
        runs.begin(1, 2**64 - 1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert runs.bar_what_ended(1) == [2**64 - 1]


def test_worker_hangs_that_runs_one_image_for_too_long(runs, clock):
    runs.begin(1, 7)
    clock.now += 5
    runs.begin(0, 7, Step.LOAD)
    clock.now += 1
    assert runs.hung(5) == [1]
    runs.end(1)
    clock.now += 10
    assert runs.hung(5) == []  # to load may take its time


def test_worker_is_alone_where_no_other_runs_anything_or_did_a_moment_ago(runs, clock):
    assert runs.is_alone(0)
    runs.begin(1, 7)
    clock.now += 1
    assert not runs.is_alone(0)
    assert runs.is_alone(1)
    runs.end(1)
    assert not runs.is_alone(0)
    clock.now += 2 * RECENT_S
    assert runs.is_alone(0)


def test_everything_is_barred_once_too_much_has_ended_a_process(runs):
    runs.bar(range(1, MAX_BARRED + 10))
    assert runs.num_barred == MAX_BARRED
    assert runs.is_barred(10**9)
    runs.bar([1])
    assert runs.num_barred == MAX_BARRED
