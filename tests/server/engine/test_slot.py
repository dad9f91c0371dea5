"""One image's slot: what its request waits for, and what ends the wait."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from engines import MODEL, MeanColour, RunningEngine, ask, later, red_share, small_table

from models.pixels.preprocessing import PixelSpec
from server.engine.catalogue import ServedModel
from server.engine.errors import ClientGone, DeadlineExceeded, EngineFailed, ModelGone
from server.engine.slot import Waiter


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


def test_result_gives_up_at_the_deadline_and_the_slot_comes_back(engine, runtime, running):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 4, deadline=later(0.05)) as slots:
        slots[0].submit()
        with pytest.raises(DeadlineExceeded):
            slots[0].result()
    runtime.may_run.set()
    running.wait_until_idle()
    assert ask(engine, MODEL, 5, 6, 7, 8) == [red_share(grey) for grey in (5, 6, 7, 8)]


def test_wait_sleeps_until_the_deadline_and_takes_the_wakeup_that_ends_it():
    table = small_table()
    deadline = later(0.03)
    waiter = Waiter(table, deadline, None)
    table.ring(table.wakeups[0])
    waiter.wait(0)
    waiter.wait(0)  # not woken by what has been taken, nor before its time
    assert time.monotonic() >= deadline
    table.close()


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


def test_model_that_the_engine_frees_meanwhile_is_gone_not_failed(engine, running, runtime):
    runtime.may_run.clear()
    with engine.reserve(MODEL, 1, deadline=later()) as (slot,):
        running.runners.models = {}
        slot.submit()
        with pytest.raises(ModelGone):
            slot.result()


def test_pictures_of_different_sizes_share_the_slots():
    large = ServedModel("large", 1, MODEL.labels, PixelSpec(8, 4))
    running = RunningEngine(MeanColour(), model=large)
    with running.client.reserve(large, 1, deadline=later()) as (slot,):
        assert slot.pixels.shape == (8, 4, 3)
    running.close()
