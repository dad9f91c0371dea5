"""What the process of an engine tells the others once its models are warm."""

from __future__ import annotations

import os
import select
import signal
import time

import pytest
from engines import MODEL, serving, small_table, wait_until

from server.engine import process
from server.engine.loaded import ExecutionPlan
from server.engine.process import EngineConfig, engine_main
from server.engine.shared_catalogue import write_catalogue

ANNOUNCED, LOADING = 7, 8


@pytest.fixture
def table():
    table = small_table(3)
    yield table
    table.close()


@pytest.fixture
def start(table):
    """Start an engine, whose models are there at once, and wait until it follows its repository."""
    pids = []

    def start():
        pid = os.fork()
        if pid:
            pids.append(pid)
            wait_until(lambda: table.num_restarts[0] >= 2)
            return
        try:
            engine_in(table)
        finally:
            os._exit(1)

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def engine_in(table):
    class Registry:
        wait = staticmethod(time.sleep)

        def refresh(self, _unloaded):
            table.num_restarts[0] += 1  # which its parent sees
            write_catalogue(table, 0, serving(MODEL))

        def forget_refusals(self, _name):
            pass

        @property
        def loading(self):
            return frozenset({"a"} if table.num_images[0] == LOADING else ())

    def announce(_catalogue):
        table.num_images[0] = ANNOUNCED

    process.REFRESH_S = 0.01
    process.make_registry = lambda *_, **__: Registry()
    config = EngineConfig(None, (), ExecutionPlan("litert", num_runners=1))
    engine_main(table, 0, config, on_ready=announce, note_batch=lambda *_: None)


def test_first_engine_is_ready_alive_and_announced(table, start):
    start()
    assert table.is_ready[0]
    assert table.heartbeat[0] > 0
    assert table.num_images[0] == ANNOUNCED


def test_successor_of_an_engine_wakes_all_who_wait_and_is_not_announced_again(table, start):
    write_catalogue(table, 0, serving(MODEL))
    start()
    poller = select.poll()
    for wakeup in table.wakeups:
        poller.register(wakeup, select.POLLIN)
    assert len(poller.poll(0)) == 3
    assert table.num_images[0] == 0


def test_command_to_load_a_model_is_followed_once_that_is_loaded_and_others_do_not_wait_for_it(table, start):
    start()
    table.num_images[0] = LOADING
    unloading = table.control.unload("b", "why")
    wait_until(lambda: table.control.is_followed(unloading))
    number = table.control.load("a")
    looks = table.num_restarts[0]
    wait_until(lambda: table.num_restarts[0] > looks + 3)
    assert not table.control.is_followed(number)
    table.num_images[0] = ANNOUNCED
    wait_until(lambda: table.control.is_followed(number))
