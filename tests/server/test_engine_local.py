"""The in-process engine: every caller gets its own answer once, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.errors import ModelNotFound, VersionNotFound
from server.engine import DeadlineExceeded, EngineFailed, EngineNotReady, Overloaded, ServedModel, find_model
from server.engine.local import LocalEngine

SOON = 10.0


def later(seconds=SOON):
    return time.monotonic() + seconds


def ask(engine, model, *greys):
    with engine.reserve(model, len(greys), deadline=later()) as slots:
        for grey, slot in zip(greys, slots, strict=True):
            slot.pixels[:] = (grey, 0, 0)
            slot.submit()
        return [float(slot.result()[0]) for slot in slots]


def red_share(grey):
    return pytest.approx((grey + 1) / (grey + 3), rel=1e-6)


def test_every_caller_gets_its_own_answers(model, runtime):
    engine = LocalEngine(model, [runtime, type(runtime)()], max_queue=1000)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda grey: ask(engine, model, grey, 255 - grey), range(200)))
    engine.close()
    for grey, answer in enumerate(answers):
        assert answer == [red_share(grey), red_share(255 - grey)]


def test_failing_image_fails_alone(engine, model):
    with engine.reserve(model, 2, deadline=later()) as slots:
        slots[0].pixels[:] = 13
        slots[1].pixels[:] = 100
        for slot in slots:
            slot.submit()
        with pytest.raises(EngineFailed):
            slots[0].result()
        assert slots[1].result() == pytest.approx([1 / 3] * 3)
    assert ask(engine, model, 7) == [red_share(7)]


@pytest.mark.parametrize("answer", [np.full((1, 3), np.nan), np.zeros((1, 2)), np.zeros((1, 3, 1))])
def test_answer_that_is_no_probability_is_a_failure(model, runtime, answer):
    runtime.run = lambda _pixels: answer
    engine = LocalEngine(model, [runtime], max_queue=1)
    with pytest.raises(EngineFailed):
        ask(engine, model, 1)
    engine.close()


def test_result_gives_up_at_the_deadline(engine, model, runtime):
    runtime.may_run.clear()
    with engine.reserve(model, 1, deadline=later(0.05)) as (slot,):
        slot.submit()
        with pytest.raises(DeadlineExceeded):
            slot.result()
    runtime.may_run.set()
    assert ask(engine, model, 5) == [red_share(5)]


def test_image_whose_deadline_passed_in_the_queue_is_not_run(model, runtime):
    now = [0.0]
    engine = LocalEngine(model, [runtime], max_queue=2, clock=lambda: now[0])
    with engine.reserve(model, 1, deadline=1.0) as (slot,):
        now[0] = 2.0
        slot.pixels[:] = 13  # would fail if it ran
        slot.submit()
        with pytest.raises(DeadlineExceeded):
            slot.future.result(SOON)
    engine.close()


def test_abandoned_image_is_not_run_and_its_place_is_free_again(engine, model, runtime):
    runtime.may_run.clear()
    with engine.reserve(model, 4, deadline=later()) as slots:
        for slot in slots:
            slot.submit()
    runtime.may_run.set()
    give_up_at = later()
    while not all(slot.future.done() for slot in slots) or not _is_idle(engine, model):
        assert time.monotonic() < give_up_at
    assert slots[3].future.cancelled()


def _is_idle(engine, model):
    try:
        with engine.reserve(model, 4, deadline=later()):
            return True
    except Overloaded:
        return False


def test_full_queue_is_refused_with_a_time_to_come_back(engine, model):
    ask(engine, model, 1)
    with engine.reserve(model, 3, deadline=later()):
        with (
            pytest.raises(Overloaded, match="3 images wait already") as caught,
            engine.reserve(model, 2, deadline=later()),
        ):
            pass
        assert caught.value.retry_after_s == 1
        with engine.reserve(model, 1, deadline=later()):
            pass
    assert ask(engine, model, 1) == [red_share(1)]


def test_request_larger_than_the_queue_is_taken_when_nothing_waits(engine, model):
    assert len(ask(engine, model, *range(9))) == 9


def test_retry_after_grows_with_the_queue(model, runtime):
    now = [0.0]
    engine = LocalEngine(model, [runtime], max_queue=10, clock=lambda: now[0])
    run = runtime.run
    runtime.run = lambda pixels: now.__setitem__(0, now[0] + 2.0) or run(pixels)  # two seconds an image
    with engine.reserve(model, 1, deadline=100.0) as (slot,):
        slot.submit()
        slot.result()
    with (
        engine.reserve(model, 10, deadline=100.0),
        pytest.raises(Overloaded) as caught,
        engine.reserve(model, 1, deadline=100.0),
    ):
        pass
    engine.close()
    assert caught.value.retry_after_s == 20


def test_close_finishes_what_was_submitted_and_may_be_repeated(engine, model, runtime):
    runtime.may_run.clear()
    with engine.reserve(model, 2, deadline=later()) as slots:
        for slot in slots:
            slot.submit()
        closing = threading.Thread(target=engine.close)
        closing.start()
        runtime.may_run.set()
        assert [slot.result().sum() for slot in slots] == pytest.approx([1.0, 1.0])
        closing.join()
    engine.close()
    assert runtime.num_closed == 1
    assert not engine.is_ready
    with pytest.raises(EngineNotReady), engine.reserve(model, 1, deadline=later()):
        pass


def test_slot_submitted_after_close_is_refused(engine, model):
    with engine.reserve(model, 1, deadline=later()) as (slot,):
        engine.close()
        with pytest.raises(EngineNotReady):
            slot.submit()


def test_model_is_found_by_what_the_request_names(model):
    older = ServedModel(model.name, 1, model.labels, model.pixels)
    other = ServedModel("other", 7, model.labels, model.pixels)
    models = [model, older, other]
    assert find_model(models, None, None) is model
    assert find_model(models, None, 1) is older
    assert find_model(models, "other", None) is other
    with pytest.raises(ModelNotFound, match="served: colours, other"):
        find_model(models, "nope", None)
    with pytest.raises(VersionNotFound, match="served: 3, 1"):
        find_model(models, None, 7)
