"""When and where an image ran: told by its engine before the outcome, and never of another image."""

from __future__ import annotations

import os
import time

from engines import MODEL, MeanColour, RunningEngine, later

from server.engine.batcher import Batch
from server.engine.client import EngineClient
from server.engine.slot_timings import SlotTimings


def test_run_is_that_of_the_ticket_and_of_no_other():
    timings = SlotTimings(4)
    timings.note(Batch(0, (1, 3), (7, 8), is_lone=False, held_since=4.0), 5.0, 6.0, "tensorflow")
    run = timings.run_of(3, 8, submitted=1.0, engine=1, num_attempts=2)
    assert (run.engine, run.pid, run.runtime) == (1, os.getpid(), "tensorflow")
    assert (run.started, run.ended, run.held_s, run.batch_size, run.num_attempts) == (5.0, 6.0, 1.0, 2, 2)
    assert timings.run_of(3, 9, submitted=1.0, engine=1, num_attempts=1) is None
    assert timings.run_of(0, 8, submitted=1.0, engine=1, num_attempts=1) is None


def test_image_that_came_while_others_were_held_back_was_held_no_longer_than_it_waited():
    timings = SlotTimings(1)
    timings.note(Batch(0, (0,), (1,), is_lone=False, held_since=1.0), 5.0, 6.0, "litert")
    assert timings.run_of(0, 1, submitted=4.5, engine=0, num_attempts=1).held_s == 0.5


def test_other_processes_read_what_an_engine_wrote():
    timings = SlotTimings(1)
    pid = os.fork()
    if not pid:
        timings.note(Batch(0, (0,), (1,), is_lone=True), 5.0, 6.0, "litert")
        os._exit(0)
    os.waitpid(pid, 0)
    assert timings.run_of(0, 1, submitted=4.0, engine=0, num_attempts=1).pid == pid


def test_run_is_there_with_the_result():
    timings = SlotTimings(4)
    running = RunningEngine(MeanColour(), note_run=lambda *run: timings.note(*run, "litert"))
    client = EngineClient(running.table, 0, timings=timings)
    try:
        for _ in range(20):
            before = time.monotonic()
            with client.reserve(MODEL, 1, deadline=later()) as [slot]:
                slot.pixels[:] = 0
                slot.submit()
                slot.result()
                run = slot.run()
                assert before <= slot.submitted <= run.started <= run.ended <= time.monotonic()
                assert (run.batch_size, run.num_attempts, run.pid) == (1, 1, os.getpid())
    finally:
        running.close()


def test_image_that_has_not_run_has_no_run():
    timings = SlotTimings(4)
    running = RunningEngine(MeanColour(), note_run=lambda *run: timings.note(*run, "litert"))
    running.runtimes[0].may_run.clear()
    client = EngineClient(running.table, 0, timings=timings)
    try:
        with client.reserve(MODEL, 1, deadline=later()) as [slot]:
            slot.submit()
            assert slot.run() is None
            running.runtimes[0].may_run.set()
    finally:
        running.close()
