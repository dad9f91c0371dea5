"""For which images there is room in the slot table, and who is told to come back."""

from __future__ import annotations

from functools import partial

import pytest
from engines import MODEL, RunningEngine, ask, later, red_share, serving, small_table, wait_until

from server.engine.client import EngineClient
from server.engine.shared_catalogue import write_catalogue
from server.request_errors import Overloaded


def test_full_table_is_refused_with_a_time_to_come_back(engine):
    ask(engine, MODEL, 1)
    with engine.reserve(MODEL, 3, deadline=later()):
        with (
            pytest.raises(Overloaded, match="3 images wait already") as caught,
            engine.reserve(MODEL, 2, deadline=later()),
        ):
            pass
        assert caught.value.retry_after_s == 1
        with engine.reserve(MODEL, 1, deadline=later()):
            pass
    assert ask(engine, MODEL, 1) == [red_share(1)]


def test_request_of_many_images_leaves_room_for_smaller_ones(engine):
    with engine.reserve(MODEL, 4, deadline=later()):  # alone it may have all
        pass
    with engine.reserve(MODEL, 1, deadline=later()):
        with pytest.raises(Overloaded, match="1 images wait already"), engine.reserve(MODEL, 3, deadline=later()):
            pass
        with engine.reserve(MODEL, 2, deadline=later()), engine.reserve(MODEL, 1, deadline=later()):
            pass


def test_request_that_cannot_be_answered_in_time_is_refused_at_once_but_not_the_first(engine, running):
    running.table.seconds_per_image[0] = 4.0
    with engine.reserve(MODEL, 1, deadline=later(1.0)):
        with pytest.raises(Overloaded) as caught, engine.reserve(MODEL, 1, deadline=later(5.0)):
            pass
        assert caught.value.retry_after_s == 4
        with engine.reserve(MODEL, 1, deadline=later(30.0)):
            pass


def test_one_image_passes_those_of_a_request_with_many(runtime):
    runtime.may_run.clear()
    batches = []
    running = RunningEngine(runtime, num_slots=32, max_batch=1, note_run=lambda batch, *_: batches.append(batch.slots))
    reserve = partial(running.client.reserve, MODEL, deadline=later())
    with reserve(4) as many:
        submit_all(many)
        wait_until(running.table.running_since.any)
        with reserve(1) as one, reserve(2) as two:
            submit_all(two)
            submit_all(one)
            runtime.may_run.set()
            for slot in (*many, *two, *one):
                slot.result()
    running.close()
    order = (many[0], many[1], one[0], many[2], two[0], many[3], two[1])
    assert batches == [(slot.number,) for slot in order]


def submit_all(slots):
    for slot in slots:
        slot.pixels[:] = (9, 0, 0)
        slot.submit()


def test_small_request_is_admitted_beside_large_ones_for_which_it_does_not_wait():
    table = small_table(64)
    write_catalogue(table, 0, serving(MODEL))
    table.seconds_per_image[0] = 0.25
    reserve = EngineClient(table, 0).reserve
    with reserve(MODEL, 24, deadline=later()):
        with reserve(MODEL, 1, deadline=later(1.0)), reserve(MODEL, 1, deadline=later(1.0)):
            pass
        with (
            pytest.raises(Overloaded, match="24 images wait already") as refused,
            reserve(MODEL, 24, deadline=later(6.0)),
        ):
            pass
        assert refused.value.retry_after_s == 6
    table.close()


def test_full_table_is_seen_in_passing(engine, running):
    running.table.seconds_per_image[0] = 0.5
    assert engine.wait_s_if_full() is None
    with engine.reserve(MODEL, 4, deadline=later()):
        assert engine.wait_s_if_full() == 2.0
    assert engine.wait_s_if_full() is None


def test_slots_of_a_predecessor_come_free_when_the_engine_is_done_with_them(runtime):
    runtime.may_run.clear()
    running = RunningEngine(runtime, num_slots=2)
    slots = running.client.reserve(MODEL, 2, deadline=later()).__enter__()  # the worker dies within
    slots[0].submit()
    wait_until(running.table.running_since.any)
    successor = EngineClient(running.table, 0)
    with pytest.raises(Overloaded), successor.reserve(MODEL, 2, deadline=later()):
        pass
    assert not running.table.in_use.any()
    runtime.may_run.set()
    running.wait_until_idle()
    assert ask(successor, MODEL, 1, 2) == [red_share(1), red_share(2)]
    running.close()


def test_memory_of_free_slots_is_given_back_and_of_others_not(engine):
    with engine.reserve(MODEL, 1, deadline=later()) as (used,):
        with engine.reserve(MODEL, 1, deadline=later()) as (free,):
            used.pixels[:] = free.pixels[:] = 7
        engine.drop_free_pixels()
        assert (used.pixels == 7).all()
        assert (free.pixels == 0).all()
