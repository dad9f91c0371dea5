"""The worker's side of the slot table: every caller gets its own answer once, and nobody waits for ever."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from engines import MODEL, SOON_S, MeanColour, RunningEngine, ask, later, red_share, serving, small_table, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pixels.preprocessing import PixelSpec
from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, ServedModel
from server.engine.client import EngineClient
from server.engine.errors import ClientGone, DeadlineExceeded, EngineFailed, EngineNotReady, ModelGone
from server.engine.shared_catalogue import write_catalogue
from server.engine.slot import Waiter
from server.request_errors import Overloaded


def test_every_caller_gets_its_own_answers():
    running = RunningEngine(MeanColour(), MeanColour(), num_slots=64)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda grey: ask(running.client, MODEL, grey, 255 - grey), range(200)))
    running.close()
    for grey, answer in enumerate(answers):
        assert answer == [red_share(grey), red_share(255 - grey)]


requests = st.lists(
    st.tuples(
        st.lists(st.integers(0, 255), min_size=1, max_size=5),  # greys; one picture in 256 makes the model fail
        st.sampled_from(["wait", "wait", "wait", "abandon", "deadline"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25)
@given(requests, st.integers(1, 3), st.integers(1, 5))
def test_any_arrivals_sizes_failures_and_cancellations(requests, num_runners, max_batch):
    running = RunningEngine(*(MeanColour() for _ in range(num_runners)), num_slots=64, max_batch=max_batch)

    def do(request):
        greys, how = request
        deadline = later(0.0005 if how == "deadline" else SOON_S)
        outcomes = []
        try:
            with running.client.reserve(MODEL, len(greys), deadline=deadline) as slots:
                for grey, slot in zip(greys, slots, strict=True):
                    slot.pixels[:] = 13 if grey == 13 else (grey, 0, 0)
                    slot.submit()
                if how == "abandon":
                    return greys, how, None
                for slot in slots:
                    try:
                        outcomes.append(slot.result()[0])
                    except EngineFailed:
                        outcomes.append(None)
        except (DeadlineExceeded, Overloaded) as error:
            return greys, how, error
        return greys, how, outcomes

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(do, requests))
    running.wait_until_idle()
    running.close()
    for greys, how, outcome in done:
        if isinstance(outcome, list):
            assert outcome == [None if grey == 13 else red_share(grey) for grey in greys]
        else:
            assert how != "wait" or isinstance(outcome, Overloaded)


def test_failing_image_fails_alone(runtime):
    runtime.may_run.clear()
    running = RunningEngine(runtime, num_slots=4)
    with running.client.reserve(MODEL, 3, deadline=later()) as slots:
        for slot, grey in zip(slots, (100, 13, 50), strict=True):
            slot.pixels[:] = grey
            slot.submit()
        runtime.may_run.set()
        assert slots[0].result() == pytest.approx([1 / 3] * 3)
        with pytest.raises(EngineFailed):
            slots[1].result()
        assert slots[2].result() == pytest.approx([1 / 3] * 3)
    running.close()


@pytest.mark.parametrize("answer", [np.full((1, 3), np.nan), np.zeros((1, 2)), np.zeros((1, 3, 1))])
def test_answer_that_is_no_probability_is_a_failure(engine, runtime, answer):
    runtime.run = lambda _images: answer
    with pytest.raises(EngineFailed):
        ask(engine, MODEL, 1)


def test_result_gives_up_at_the_deadline_and_the_slot_comes_back(engine, runtime, running):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 4, deadline=later(0.05)) as slots:
        slots[0].submit()
        with pytest.raises(DeadlineExceeded):
            slots[0].result()
    runtime.may_run.set()
    running.wait_until_idle()
    assert ask(engine, MODEL, 5, 6, 7, 8) == [red_share(grey) for grey in (5, 6, 7, 8)]


def test_image_whose_turn_does_not_come_in_time_is_told_that_others_were_in_hand(engine, runtime, running):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 1, deadline=later()) as [first]:
        first.submit()
        wait_until(running.table.running_since.any)
        with engine.reserve(MODEL, 1, deadline=later(0.05)) as [behind]:
            behind.submit()
            with pytest.raises(Overloaded, match="the images in hand take longer than they did") as refused:
                behind.result()
            assert refused.value.retry_after_s >= 1
        with engine.reserve(MODEL, 1, deadline=later(0.05)) as [late]:
            running.table.seconds_per_image[0] = 1.0  # so that there was no time for it, whoever else is in hand
            late.submit()
            with pytest.raises(DeadlineExceeded):
                late.result()
        runtime.may_run.set()
        assert first.result().sum() == pytest.approx(1)


def test_wait_sleeps_until_the_deadline_and_takes_the_wakeup_that_ends_it():
    table = small_table()
    deadline = later(0.03)
    waiter = Waiter(table, deadline, None)
    table.ring(table.wakeups[0])
    waiter.wait(0)
    waiter.wait(0)  # not woken by what has been taken, nor before its time
    assert time.monotonic() >= deadline
    table.close()


def test_abandoned_images_are_not_run(engine, runtime, running):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 4, deadline=later()) as slots:
        slots[0].submit()
        wait_until(running.table.running_since.any)
        for slot in slots[1:]:
            slot.submit()
    runtime.may_run.set()
    running.wait_until_idle()
    assert runtime.batch_sizes == [1]


def test_closed_connection_ends_the_wait(engine, runtime):
    runtime.may_run.clear()
    ours, theirs = socket.socketpair()
    with ours, engine.reserve(MODEL, 1, deadline=later(), client_fd=ours.fileno()) as (slot,):
        slot.submit()
        threading.Timer(0.05, theirs.close).start()
        with pytest.raises(ClientGone):
            slot.result()


def test_client_has_gone_when_it_ends_its_sending_and_not_when_it_sends_more(engine):
    ours, theirs = socket.socketpair()
    with ours, theirs, engine.reserve(MODEL, 1, deadline=later(), client_fd=ours.fileno()) as (slot,):
        slot.check_client()
        theirs.sendall(b"POST /predict HTTP/1.1\r\n")
        slot.check_client()
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ClientGone):
            slot.check_client()


def test_next_request_on_the_connection_does_not_end_the_wait(engine, runtime):
    runtime.may_run.clear()
    ours, theirs = socket.socketpair()
    with ours, theirs, engine.reserve(MODEL, 1, deadline=later(), client_fd=ours.fileno()) as (slot,):
        slot.pixels[:] = (9, 0, 0)
        slot.submit()
        theirs.sendall(b"POST /predict HTTP/1.1\r\n")
        threading.Timer(0.05, runtime.may_run.set).start()
        assert slot.result()[0] == red_share(9)


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


def test_request_for_a_model_that_was_replaced_is_told_so(engine, running):
    write_catalogue(running.table, 0, serving(ServedModel("colours", 4, MODEL.labels, MODEL.pixels)))
    with pytest.raises(ModelGone), engine.reserve(MODEL, 1, deadline=later()):
        pass
    assert not running.table.in_use.any()


def test_model_that_the_engine_frees_meanwhile_is_gone_not_failed(engine, running, runtime):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 1, deadline=later()) as (slot,):
        running.runners.models = {}
        slot.submit()
        with pytest.raises(ModelGone):
            slot.result()


def test_request_before_the_first_model_waits_for_it():
    table = small_table()
    engine = EngineClient(table, 0)
    assert (engine.is_ready, engine.catalogue) == (False, Catalogue())
    threading.Timer(0.05, write_catalogue, (table, 0, serving(MODEL))).start()
    assert engine.wait_until_served(later()) == serving(MODEL)
    table.close()


def test_wait_for_the_first_model_ends_at_the_deadline():
    table = small_table()
    with pytest.raises(EngineNotReady):
        EngineClient(table, 0).wait_until_served(later(0.03))
    table.close()


def test_work_goes_to_the_engine_with_the_least_to_do():
    table = small_table(8, num_engines=2)
    for engine in range(2):
        write_catalogue(table, engine, serving(MODEL))
        table.is_ready[engine] = 1
    client = EngineClient(table, 0)
    with client.reserve(MODEL, 3, deadline=later()), client.reserve(MODEL, 1, deadline=later()):
        with client.reserve(MODEL, 1, deadline=later()):
            assert [table.num_in_hand(0), table.num_in_hand(1)] == [3, 2]
        table.is_ready[1] = 0
        with client.reserve(MODEL, 1, deadline=later()):
            assert [table.num_in_hand(0), table.num_in_hand(1)] == [4, 1]
    table.close()


def test_default_is_that_of_the_first_engine_whoever_is_to_answer():
    table = small_table(num_engines=2)
    other = ServedModel("birds", 1, MODEL.labels, MODEL.pixels)
    client = EngineClient(table, 0)
    write_catalogue(table, 1, serving(other, MODEL))
    table.is_ready[1] = 1
    assert not client.is_ready  # until it is known what the default is
    write_catalogue(table, 0, serving(MODEL))
    assert client.is_ready
    assert client.wait_until_served(later()) == replace(serving(other, MODEL), default=ModelReference(MODEL.name))
    table.close()


def test_closed_engine_takes_no_work(engine):
    engine.close()
    engine.close()
    assert not engine.is_ready
    with pytest.raises(EngineNotReady), engine.reserve(MODEL, 1, deadline=later()):
        pass


def test_pictures_of_different_sizes_share_the_slots():
    large = ServedModel("large", 1, MODEL.labels, PixelSpec(8, 4))
    running = RunningEngine(MeanColour(), model=large)
    with running.client.reserve(large, 1, deadline=later()) as (slot,):
        assert slot.pixels.shape == (8, 4, 3)
    running.close()


def test_memory_of_free_slots_is_given_back_and_of_others_not(engine):
    with engine.reserve(MODEL, 1, deadline=later()) as (used,):
        with engine.reserve(MODEL, 1, deadline=later()) as (free,):
            used.pixels[:] = free.pixels[:] = 7
        engine.drop_free_pixels()
        assert (used.pixels == 7).all()
        assert (free.pixels == 0).all()


def test_lone_image_is_announced_to_an_engine_that_awaits_it():
    table = small_table()
    write_catalogue(table, 0, serving(MODEL))
    client = EngineClient(table, 0)
    with client.reserve(MODEL, 1, deadline=later()) as [slot]:
        slot.announce()
        assert not table.is_lone_announced
        table.awaits_lone[0] = 1
        slot.announce()
        assert table.is_lone_announced
        with client.reserve(MODEL, 1, deadline=later()) as [other]:
            other.announce()
            assert not table.is_lone_announced
        slot.submit()
        assert not table.is_lone_announced
    assert not table.is_lone_announced
    table.close()
