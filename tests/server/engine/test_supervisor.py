"""Engines that die or hang are replaced; real processes, with next to nothing in them."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np
import pytest
from clock import Clock
from engines import small_table
from waiting import wait_until

from server.engine.supervisor import EngineBroken, Supervisor


@pytest.fixture
def table():
    table = small_table(num_engines=2)
    yield table
    table.close()


@pytest.fixture
def supervise(table):
    supervisors = []

    def supervise(run, timeout_s=60.0):
        supervisors.append(Supervisor(table, run, timeout_s=timeout_s))
        return supervisors[-1]

    yield supervise
    for supervisor in supervisors:
        supervisor.stop()
        supervisor.stop()


def check_until(supervisor, is_done):
    def is_done_now():
        supervisor.check()
        return is_done()

    wait_until(is_done_now)


def serve(table):
    def run(number):
        table.is_ready[number] = 1
        while True:
            table.heartbeat[number] = time.monotonic()
            time.sleep(0.01)

    return run


def test_one_process_for_each_engine(table, supervise):
    supervisor = supervise(serve(table))
    check_until(supervisor, table.is_ready.all)
    assert len(set(supervisor.pids)) == 2


@pytest.mark.parametrize(("number", "noted"), [(signal.SIGSEGV, [[7]]), (signal.SIGKILL, [])])
def test_versions_that_ran_when_an_engine_crashed_are_noted(table, number, noted):
    crashes = []
    supervisor = Supervisor(table, serve(table), timeout_s=60.0, note_crash=crashes.append)
    try:
        check_until(supervisor, table.is_ready.all)
        table.model[:3], table.engine[:3], table.ticket[:3] = (7, 8, 9), (0, 0, 1), 1
        table.attempted[0] = table.attempted[2] = 1  # the second waits, the third is another engine's
        first = supervisor.pids[0]
        os.kill(first, number)  # which says nothing of them where it is the operator's, or the kernel's for memory
        check_until(supervisor, lambda: first not in supervisor.pids)
    finally:
        supervisor.stop()
    assert crashes == noted


def test_versions_that_an_engine_hangs_in_are_noted(table):
    crashes = []
    supervisor = Supervisor(table, serve(table), timeout_s=0.5, note_crash=crashes.append)
    try:
        check_until(supervisor, table.is_ready.all)
        table.model[0], table.ticket[0], table.attempted[0] = 7, 1, 1
        table.load_attempts[0, 0] = 5
        table.running_since[0, 0] = time.monotonic() - 1
        check_until(supervisor, lambda: table.num_restarts[0] == 1)
    finally:
        supervisor.stop()
    assert crashes[0] == [5, 7]


def test_killed_engine_is_replaced_at_once_and_its_work_goes_to_the_other(table, supervise):
    supervisor = supervise(serve(table))
    check_until(supervisor, table.is_ready.all)
    table.in_use[0] = 1
    first, second = supervisor.pids
    os.kill(first, signal.SIGKILL)
    check_until(supervisor, lambda: first not in supervisor.pids)
    assert len(supervisor.pids) == 2
    assert second in supervisor.pids
    assert table.num_restarts.tolist() == [1, 0]
    assert table.num_in_hand(1) == 1


def test_stopped_engine_counts_as_hung(table, supervise):
    supervisor = supervise(serve(table), timeout_s=1.0)
    check_until(supervisor, table.is_ready.all)
    first, _ = supervisor.pids
    os.kill(first, signal.SIGSTOP)
    check_until(supervisor, lambda: first not in supervisor.pids and len(supervisor.pids) == 2)


def test_engine_is_not_hung_because_the_supervisor_stood_still(table, supervise):
    clock = Clock(1000.0)

    def run(number):
        table.is_ready[number] = 1
        signal.pause()  # its heartbeat stays what the supervisor wrote at its start

    supervisor = Supervisor(table, run, timeout_s=5.0, clock=clock)
    supervisor.check()
    pids = supervisor.pids
    clock.now += 60.0  # the lid was closed
    supervisor.check()
    clock.now += 1.0
    supervisor.check()
    time.sleep(0.05)  # enough for one that was killed to be gone
    supervisor.check()
    assert supervisor.pids == pids
    for _ in range(6):
        clock.now += 1.0
        supervisor.check()
    supervisor.stop()
    assert supervisor.pids != pids


def test_engine_whose_native_code_never_returns_counts_as_hung(table, supervise):
    supervisor = supervise(serve(table), timeout_s=0.3)
    check_until(supervisor, table.is_ready.all)
    first, _ = supervisor.pids
    table.running_since[0, 1] = time.monotonic()
    check_until(supervisor, lambda: first not in supervisor.pids and len(supervisor.pids) == 2)
    assert not table.running_since[0].any()


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [
        (lambda _number: sys.exit(4), 4, "exit status 4"),
        (lambda _number: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL, "SIGKILL"),
    ],
)
def test_engine_that_cannot_start_the_first_time_is_broken(supervise, end, status, message):
    supervisor = supervise(end)
    with pytest.raises(EngineBroken, match=message) as caught:
        check_until(supervisor, lambda: False)
    assert caught.value.status == status
    supervisor.check()  # says it no second time, and starts nothing


def test_busy_engine_is_never_taken_for_hung(table, supervise):
    def run(number):
        table.is_ready[number] = 1
        while True:
            table.heartbeat[number] = table.running_since[number, 0] = time.monotonic()
            table.running_since[number, 0] = 0.0  # thousands of batches a second

    supervisor = supervise(run)
    check_until(supervisor, table.is_ready.all)
    pids = supervisor.pids
    ends_at = time.monotonic() + 1.0
    while time.monotonic() < ends_at:
        supervisor.check()
    assert supervisor.pids == pids


def test_engine_that_was_ready_once_is_tried_again_with_pauses(table, supervise):
    def run(number):
        table.num_images[number] += 1
        if table.num_images[number] > 1:
            sys.exit(1)
        serve(table)(number)

    supervisor = supervise(run)
    check_until(supervisor, table.is_ready.all)
    os.kill(supervisor.pids[0], signal.SIGKILL)
    check_until(supervisor, lambda: table.num_images[0] >= 3)
    assert not table.is_ready[0]


def test_pauses_between_starts_double_up_to_five_seconds():
    table, now, started, pids = small_table(num_engines=1), 0.0, [], []
    table.is_ready[0] = 1  # it was, once
    supervisor = Supervisor(table, lambda _number: sys.exit(1), timeout_s=60.0, clock=lambda: now)
    while len(started) < 10:
        supervisor.check()
        if supervisor.pids and supervisor.pids != pids:
            pids = supervisor.pids
            started.append(now)
        elif supervisor.pids:
            time.sleep(0.001)  # until it has ended
        else:
            now += 0.05
    supervisor.stop()
    table.close()
    assert np.diff(started) == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5], abs=0.06)


def test_engine_ignores_ctrl_c_from_its_first_instruction_on(table, supervise):
    def run(number):
        serve(table)(number) if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else os._exit(3)

    supervisor = supervise(run)
    check_until(supervisor, lambda: table.is_ready.all())
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # of this process
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
