"""Runners sleep while there is nothing to do, and tell how long what they ran had waited."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from engines import MODEL, SOON_S, MeanColour, RunningEngine, ask, red_share, small_table, wait_until

from server.engine.batcher import Batcher
from server.engine.busy_wait import BusyWait
from server.engine.catalogue import key_of
from server.engine.errors import EngineFailed
from server.engine.runners import Runners
from server.engine.slot_table import Status


def test_wait_of_an_image_is_from_its_submission_to_its_batch():
    noted, has_noted = [], threading.Event()

    def note_batch(waits_s, duration_s, _held_s, _model):
        noted.append((waits_s, duration_s))
        has_noted.set()

    running = RunningEngine(MeanColour(), note_batch=note_batch)
    table = running.table
    table.model[0], table.deadline[0], table.in_use[0] = key_of(MODEL.name, MODEL.version), np.inf, 1
    table.submitted[0] = time.monotonic() - 1000
    table.ticket[0] += np.uint64(1)
    table.ring(table.doorbells[0])
    assert has_noted.wait(SOON_S)
    [([wait_s], duration_s)] = noted
    assert wait_s >= 1000
    assert 0 <= duration_s < 1000
    running.close()


def test_pace_is_that_of_a_queue_where_the_oldest_image_of_a_batch_has_waited_whichever_comes_first():
    running = RunningEngine(MeanColour())
    for grey in (1, 2):  # then it is the turn of the smallest request
        ask(running.client, MODEL, grey)
    time.sleep(0.2)
    table = running.table
    submitted = time.monotonic()
    for slot, request_size in ((0, 2), (1, 1)):
        table.model[slot], table.deadline[slot] = key_of(MODEL.name, MODEL.version), np.inf
        table.request_size[slot], table.submitted[slot] = request_size, submitted - 1000 * (slot == 0)
    table.ticket[:2] += np.uint64(1)
    table.ring(table.doorbells[0])
    running.wait_until_idle()
    running.close()
    assert table.seconds_per_image[0] >= 0.2 / 2


def test_runner_that_has_answered_runs_nothing_as_far_as_its_supervisor_can_see():
    running = RunningEngine(MeanColour())
    ask(running.client, MODEL, 1)
    assert not running.table.running_since.any()
    running.close()


def test_runner_that_is_told_to_wait_asks_again_when_that_time_is_over():
    asked, has_asked_again = [], threading.Event()

    class Waiting:
        def next_batch(self, _max_batch, **_options):
            asked.append(time.monotonic())
            if len(asked) == 1:
                return 0.03
            has_asked_again.set()
            return None

    table = small_table()
    runners = Runners(table, 0, Waiting(), models={}, num_runners=1)
    runners.start()
    assert has_asked_again.wait(SOON_S)
    assert asked[1] - asked[0] >= 0.03
    runners.close()
    table.close()


@pytest.fixture
def awaiting(monkeypatch):
    """An engine that awaits lone images, how often it did, and what it runs them with."""
    waits = []

    def wait(_self, has_come):
        waits.append(running.table.is_lone_announced)
        wait_until(has_come)  # a test, unlike a runner, may sleep
        return True

    monkeypatch.setattr(BusyWait, "wait", wait)
    lone = MeanColour()
    running = RunningEngine(MeanColour(), MeanColour(), lone=lone, awaits_lone=True)
    yield running, waits, lone
    running.close()


def test_image_that_was_announced_is_run_once_it_is_there_though_nobody_rings(awaiting, monkeypatch):
    running, waits, lone = awaiting
    rung = []
    with running.client.reserve(MODEL, 1, deadline=time.monotonic() + SOON_S) as [slot]:
        slot.announce()
        wait_until(lambda: running.table.is_awake[0])
        ring = running.table.ring
        monkeypatch.setattr(running.table, "ring", lambda eventfd: (rung.append(eventfd), ring(eventfd)))
        slot.pixels[:] = 7, 0, 0
        slot.submit()
        assert slot.result()[0] == red_share(7)
    assert (waits, lone.batch_sizes) == ([True], [1])
    assert rung == [running.table.wakeups[slot.number]]
    assert not running.table.is_awake[0]


def test_image_that_comes_while_another_is_awaited_is_run_without_it(awaiting):
    running, _, lone = awaiting
    deadline = time.monotonic() + SOON_S
    with running.client.reserve(MODEL, 1, deadline=deadline) as [announced]:
        announced.announce()
        wait_until(lambda: running.table.is_awake[0])
        assert ask(running.client, MODEL, 3) == red_share(3)
        wait_until(lambda: not running.table.is_awake[0])
        announced.pixels[:] = 9, 0, 0
        announced.submit()
        assert announced.result()[0] == red_share(9)
    assert lone.batch_sizes == [1]  # the last, when there was no other


def test_successor_of_an_engine_that_died_awake_is_rung_for():
    table = small_table()
    table.is_awake[0] = 1
    runners = Runners(table, 0, Batcher(table, 0, num_runners=1), models={}, num_runners=1)
    assert not table.is_awake[0]
    runners.close()
    table.close()


def test_one_ring_wakes_as_many_runners_as_there_is_work_for():
    gate = threading.Barrier(2)

    class Together(MeanColour):
        def run(self, images):
            gate.wait(SOON_S)
            return super().run(images)

    running = RunningEngine(Together(), Together())
    table = running.table
    table.model[:2], table.deadline[:2] = key_of(MODEL.name, MODEL.version), np.inf
    table.ticket[:2] += np.uint64(1)
    table.ring(table.doorbells[0])
    running.wait_until_idle()  # which one runner alone would never be
    assert table.status[:2].tolist() == [Status.OK, Status.OK]
    running.close()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_answer(bad):
    class Broken(MeanColour):
        def run(self, images):
            probabilities = super().run(images)
            probabilities[:, 1] = bad
            return probabilities

    running = RunningEngine(Broken())
    with pytest.raises(EngineFailed):
        ask(running.client, MODEL, 1)
    running.close()
