"""What is asked of the engines reaches all processes, and no two that ask at once lose anything."""

from __future__ import annotations

import os
from functools import partial

import pytest
from dying_processes import exit_code, start

from server.engine.errors import EngineError
from server.engine.model_control import STATE_BYTES, ModelControl


@pytest.fixture
def control():
    control = ModelControl(num_engines=2)
    yield control
    control.close()


def test_models_are_unloaded_and_loaded_by_name(control):
    assert control.read().number == 0
    assert control.unload("a", "unloaded by ada") == 1
    assert control.unload("b", "unloaded by bob") == 2
    assert control.read().unloaded == {"a": "unloaded by ada", "b": "unloaded by bob"}
    assert control.load("a") == 3
    state = control.read()
    assert (state.number, state.unloaded, state.asked_at) == (3, {"b": "unloaded by bob"}, {"a": 3})


def test_state_is_followed_once_every_engine_has(control):
    number = control.load("a")
    for engine in (0, 1):
        assert not control.is_followed(number)
        control.note_followed(engine, control.read())
    assert control.is_followed(number)
    assert control.number_followed(1) == number


def test_what_every_engine_has_looked_at_is_forgotten(control):
    control.load("a")
    for engine in (0, 1):
        control.note_followed(engine, control.read())
    control.load("b")
    control.load("c")
    assert control.read().asked_at == {"b": 2, "c": 3}


def test_processes_that_ask_at_once_lose_nothing(control):
    def unload(child):
        for number in range(50):
            control.unload(f"m{child}.{number}", "busy")

    children = [start(partial(unload, child)) for child in range(4)]
    assert [exit_code(pid) for pid in children] == [0] * 4
    assert (control.read().number, len(control.read().unloaded)) == (200, 200)


def test_process_that_dies_while_it_writes_leaves_what_was_there(control):
    def die():
        with control._locked():
            os._exit(0)

    control.unload("a", "x")
    exit_code(start(die))
    assert control.unload("b", "x") == 2


def test_reasons_that_do_not_fit_change_nothing(control):
    with pytest.raises(EngineError, match="too many models are unloaded"):
        control.unload("a", "x" * STATE_BYTES)
    assert control.read().number == 0
