"""Decoder processes that end are replaced; those that cannot start, not at once."""

from __future__ import annotations

import os
import signal

from clock import Clock
from waiting import SOON_S, wait_until

from server.decoding.supervisor import HANG_S, PAUSE_S, DecoderSupervisor


def wait_for_end(supervisor, pid):
    def has_ended():
        supervisor.check()
        return supervisor.pids[0] != pid

    wait_until(has_ended)


def test_one_that_cannot_start_is_started_again_after_a_pause(channel):
    clock = Clock()
    supervisor = DecoderSupervisor([channel], lambda _: os._exit(1), clock=clock)
    supervisor.check()
    first = supervisor.pids[0]
    wait_for_end(supervisor, first)
    supervisor.check()
    assert supervisor.pids == [0]
    clock.now += PAUSE_S
    supervisor.check()
    assert supervisor.pids[0] not in (0, first)
    supervisor.stop()
    supervisor.stop()
    assert supervisor.pids == [0]


def test_one_that_has_worked_is_replaced_at_once(channel):
    def work(_):
        channel.receive(SOON_S)
        os.kill(os.getpid(), signal.SIGKILL)

    supervisor = DecoderSupervisor([channel], work)
    supervisor.check()
    first = supervisor.pids[0]
    channel.send(b"encoded", {})
    wait_for_end(supervisor, first)
    assert supervisor.pids[0] != 0
    supervisor.stop()


def test_one_that_stands_still_is_killed_and_its_successor_takes_the_task(channel):
    clock, taken = Clock(), []

    def stand_still_once(_):
        if not taken:
            os.kill(os.getpid(), signal.SIGSTOP)
        channel.receive(SOON_S)

    supervisor = DecoderSupervisor([channel], stand_still_once, clock=clock)
    supervisor.check()
    first = supervisor.pids[0]
    supervisor.check()  # without a task it may stand as long as it likes
    channel.send(b"encoded", {})
    for _ in range(2):
        supervisor.check()
        assert supervisor.pids == [first]
        clock.now += HANG_S
    taken.append(first)
    wait_for_end(supervisor, first)
    clock.now += PAUSE_S
    supervisor.check()
    wait_until(lambda: channel.begun_task == channel.last_task)
    supervisor.stop()
