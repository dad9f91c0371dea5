"""Which images run together: fair, bounded, of one model, and nothing twice."""

from __future__ import annotations

import os

import pytest
from batches import MAX_BATCH, batcher_of, finish, submit
from engines import small_table

from server.engine.batcher import MAX_ATTEMPTS
from server.engine.slot_table import Status


@pytest.fixture
def table():
    table = small_table(16)
    yield table
    table.close()


def test_nothing_waits(table, clock):
    assert batcher_of(table, clock).next_batch(MAX_BATCH.get) is None


def test_one_free_runner_takes_all_that_fits_oldest_first(table, clock):
    for slot in range(10):
        submit(table, slot, submitted=-slot)
    batcher = batcher_of(table, clock)
    first = batcher.next_batch(MAX_BATCH.get)
    assert first.slots == (9, 8, 7, 6, 5, 4, 3, 2)
    assert not first.is_lone
    assert batcher.next_batch(MAX_BATCH.get).slots == (1, 0)
    assert batcher.next_batch(MAX_BATCH.get) is None


def test_slot_that_is_known_to_be_the_only_one_is_looked_at_alone(table, clock):
    batcher = batcher_of(table, clock, num_runners=2)
    assert batcher.next_batch(MAX_BATCH.get, lone_slot=5) is None  # it is not submitted yet
    submit(table, 5)
    batch = batcher.next_batch(MAX_BATCH.get, lone_slot=5)
    assert (batch.slots, batch.is_lone) == ((5,), True)
    assert batcher.next_batch(MAX_BATCH.get, lone_slot=5) is None  # it runs
    finish(batcher, batch)
    assert batcher.next_batch(MAX_BATCH.get, lone_slot=5) is None  # it is done
    submit(table, 5, deadline=0.0)
    assert batcher.next_batch(MAX_BATCH.get, lone_slot=5) is None
    assert table.status[5] == Status.EXPIRED


def test_small_request_is_in_the_next_batch_and_so_is_the_oldest_image(table, clock):
    for slot in range(10):
        submit(table, slot, submitted=slot, request_size=10)
    submit(table, 10, submitted=10)
    assert batcher_of(table, clock).next_batch({3: 4}.get).slots == (10, 0, 1, 2)


def test_small_requests_that_keep_coming_have_half_of_the_turns(table, clock):
    batcher = batcher_of(table, clock)
    for slot in range(4):
        submit(table, slot, submitted=slot, request_size=4)
    order = []
    for number in range(8):
        for slot in (14, 15):
            if table.ticket[slot] == table.completed[slot]:
                submit(table, slot, submitted=10 + number)
        batch = batcher.next_batch({3: 1}.get)
        order += [slot if slot < 4 else "small" for slot in batch.slots]
        finish(batcher, batch)
    assert order == ["small", 0, "small", 1, "small", 2, "small", 3]


def test_oldest_image_has_its_turn_whatever_its_model(table, clock):
    batcher = batcher_of(table, clock)
    submit(table, 0, model=2, submitted=0, request_size=2)
    for slot in range(1, 9):
        submit(table, slot, model=1, submitted=slot)
    assert [batcher.next_batch(MAX_BATCH.get).slots for _ in range(3)] == [(1,), (0,), (2,)]


def test_free_runners_share_what_waits(table, clock):
    for slot in range(5):
        submit(table, slot)
    batcher = batcher_of(table, clock, num_runners=3)
    assert [len(batcher.next_batch(MAX_BATCH.get).slots) for _ in range(3)] == [2, 2, 1]


def test_a_batch_has_one_model(table, clock):
    for slot, model in enumerate((2, 3, 2, 3)):
        submit(table, slot, model=model, submitted=slot)
    batcher = batcher_of(table, clock)
    assert [batcher.next_batch(MAX_BATCH.get).slots for _ in range(2)] == [(0, 2), (1, 3)]


def test_image_is_lone_when_nothing_else_is_in_hand(table, clock):
    batcher = batcher_of(table, clock, num_runners=2)
    submit(table, 0)
    batch = batcher.next_batch(MAX_BATCH.get)
    assert batch.is_lone
    submit(table, 1)
    assert not batcher.next_batch(MAX_BATCH.get).is_lone


def test_image_is_not_lone_while_another_is_decoded(table, clock):
    submit(table, 0)
    table.in_use[7] = 1
    assert not batcher_of(table, clock).next_batch(MAX_BATCH.get).is_lone


def test_image_of_another_engine_is_left_alone(table, clock):
    submit(table, 0)
    table.engine[0] = 1
    assert batcher_of(table, clock).next_batch(MAX_BATCH.get) is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda table: table.cancelled.__setitem__(0, 1), Status.CANCELLED),
        (lambda table: table.deadline.__setitem__(0, 99.0), Status.EXPIRED),
        (lambda table: table.model.__setitem__(0, 77), Status.GONE),
    ],
)
def test_what_should_not_run_is_completed_without_running(table, clock, change, status):
    submit(table, 0)
    change(table)
    assert batcher_of(table, clock).next_batch(MAX_BATCH.get) is None
    assert (table.completed[0], table.status[0]) == (1, status)


def test_partial_batch_waits_for_others_as_long_as_it_may(table, clock):
    batcher = batcher_of(table, clock, max_queue_delay_s=0.5)
    submit(table, 0, submitted=100.0)
    assert batcher.next_batch(MAX_BATCH.get) == pytest.approx(0.5)
    clock.now = 100.4
    assert batcher.next_batch(MAX_BATCH.get) == pytest.approx(0.1)
    clock.now = 100.5
    batch = batcher.next_batch(MAX_BATCH.get)
    assert (batch.slots, batch.held_since) == ((0,), 100.0)


def test_partial_batch_waits_no_longer_than_its_oldest_image_may(table, clock):
    batcher = batcher_of(table, clock, max_queue_delay_s=0.5)
    submit(table, 0, submitted=99.6, request_size=2)
    submit(table, 1, submitted=100.0)
    assert batcher.next_batch(MAX_BATCH.get) == pytest.approx(0.1)


def test_full_batch_does_not_wait(table, clock):
    batcher = batcher_of(table, clock, max_queue_delay_s=0.5)
    for slot in range(8):
        submit(table, slot, submitted=100.0)
    batch = batcher.next_batch(MAX_BATCH.get)
    assert (len(batch.slots), batch.held_since) == (8, None)


def test_slot_that_comes_back_at_once_can_be_taken_at_once(table, clock):
    batcher = batcher_of(table, clock, num_runners=2)
    submit(table, 0)
    batch = batcher.next_batch(MAX_BATCH.get)
    table.ring = lambda _bell: submit(table, 0)  # the waiter is quicker than the runner
    finish(batcher, batch)
    assert batcher.next_batch(MAX_BATCH.get).tickets == (2,)


def test_work_of_an_engine_that_died_is_found_and_runs_alone(table, clock):
    for slot in range(3):
        submit(table, slot, submitted=slot)
    assert len(batcher_of(table, clock).next_batch(MAX_BATCH.get).slots) == 3
    submit(table, 3, submitted=3)
    successor = batcher_of(table, clock, num_runners=2)
    for slot in range(4):
        batch = successor.next_batch(MAX_BATCH.get)
        assert (batch.slots, batch.is_lone) == ((slot,), slot < 3)
        # Nothing beside a suspect, and nothing else waits at the end.
        assert successor.next_batch(MAX_BATCH.get) is None
        finish(successor, batch)


def test_suspect_waits_for_what_runs_and_the_runner_that_is_free_then_is_woken(table, clock):
    submit(table, 0)
    batcher_of(table, clock).next_batch(MAX_BATCH.get)
    table.engine[0] = 1
    batcher = batcher_of(table, clock, num_runners=2)
    submit(table, 1)
    batch = batcher.next_batch(MAX_BATCH.get)
    table.engine[0] = 0  # it came from an engine that died
    submit(table, 2)
    assert batcher.next_batch(MAX_BATCH.get) is None
    table.clear(table.doorbells[0])
    finish(batcher, batch)
    assert os.eventfd_read(table.doorbells[0]) == 1
    assert batcher.next_batch(MAX_BATCH.get).slots == (0,)


def test_image_that_kills_engines_fails_in_the_end(table, clock):
    submit(table, 0)
    for _ in range(MAX_ATTEMPTS):
        assert batcher_of(table, clock).next_batch(MAX_BATCH.get).slots == (0,)
    assert batcher_of(table, clock).next_batch(MAX_BATCH.get) is None
    assert table.status[0] == Status.FAILED
    submit(table, 0)  # the next image in that slot is innocent
    assert batcher_of(table, clock).next_batch(MAX_BATCH.get).slots == (0,)


def test_every_waiter_looks_again_when_a_successor_is_ready(table, clock):
    batcher_of(table, clock).ring_all()
    assert [os.eventfd_read(wakeup) for wakeup in table.wakeups] == [1] * 16


def test_model_is_running_from_reservation_to_result(table, clock):
    batcher = batcher_of(table, clock)
    table.in_use[0], table.model[0] = 1, 3
    assert batcher.is_needed(3)
    assert not batcher.is_needed(2)
    submit(table, 0)
    batch = batcher.next_batch(MAX_BATCH.get)
    table.in_use[0] = 0  # cancelled, but the batch runs on
    assert batcher.is_needed(3)
    finish(batcher, batch)
    assert not batcher.is_needed(3)
