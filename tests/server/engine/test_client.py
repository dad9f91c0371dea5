"""The worker's side of the slot table: every caller gets its own answer once, and nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from engines import MODEL, SOON_S, MeanColour, RunningEngine, ask, later, red_share, serving, small_table, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st

from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, ServedModel
from server.engine.client import EngineClient
from server.engine.errors import DeadlineExceeded, EngineFailed, EngineNotReady, ModelGone
from server.engine.shared_catalogue import write_catalogue
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


@pytest.mark.parametrize("answer", [np.full((1, 3), np.nan), np.zeros((1, 2)), np.zeros((1, 3, 1))])
def test_answer_that_is_no_probability_is_a_failure(engine, runtime, answer):
    runtime.run = lambda _images: answer
    with pytest.raises(EngineFailed):
        ask(engine, MODEL, 1)


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


def test_request_for_a_model_that_was_replaced_is_told_so(engine, running):
    write_catalogue(running.table, 0, serving(ServedModel("colours", 4, MODEL.labels, MODEL.pixels)))
    with pytest.raises(ModelGone), engine.reserve(MODEL, 1, deadline=later()):
        pass
    assert not running.table.in_use.any()


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
