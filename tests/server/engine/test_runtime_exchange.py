"""A faster runtime takes the place of the first one while the version serves."""

from __future__ import annotations

import logging

import pytest
from engines import LITERT
from tried_runtimes import trial
from workshop import Killed, Later

from models.errors import CorruptArtifact
from models.runtime_choice.choice import choose
from models.runtime_choice.record import Trial
from models.store.operating_points import OperatingPoint
from server.engine.catalogue import key_of
from server.engine.load_attempts import RETRY_S

KEY = key_of("a", 1)
FASTER = choose([trial(2.0)])


class MadeTrials:
    """Choices that are there when they are asked for."""

    def __init__(self):
        self.wanted, self.choices, self.is_closed = {}, {}, False

    def want(self, key, artifact):
        self.wanted[key] = artifact

    def forget(self, key):
        self.wanted.pop(key, None)

    def made(self, keys):
        ready = [key for key in self.choices if key in keys and key in self.wanted]
        return [(key, self.wanted[key], self.choices.pop(key)) for key in ready]

    def close(self):
        self.is_closed = True


@pytest.fixture
def trials(workshop):
    workshop.trials = MadeTrials()
    return workshop.trials


@pytest.fixture
def registry(workshop, trials):
    return workshop.serving("a")


def test_version_serves_with_the_first_runtime_until_another_is_known_to_be_faster(workshop, registry, trials):
    assert workshop.catalogue.runtimes == (LITERT,)
    assert workshop.models[KEY].runtime == "litert"
    trials.choices[KEY] = FASTER
    registry.refresh()
    assert workshop.catalogue.runtimes == (FASTER,)
    assert workshop.models[KEY].runtime == "openvino"
    assert workshop.served == [("a", 1)]


def test_operating_point_stays_when_another_runtime_takes_over(workshop, registry, trials):
    point = OperatingPoint((0.5, None, 0.5), "it")
    workshop.repository.set_operating_point("a", 1, point)
    trials.choices[KEY] = FASTER
    registry.refresh()
    assert workshop.models[KEY].runtime == "openvino"
    assert [model.point for model in workshop.catalogue.models] == [point]


def test_what_was_replaced_is_freed_when_the_batches_that_had_begun_have_ended(workshop, registry, trials):
    first = workshop.runtimes["a", 1]
    workshop.running_since[:] = (5.0, 0.0)
    trials.choices[KEY] = FASTER
    registry.refresh()
    workshop.running_since[:] = (5.0, 7.0)  # the second runner began after the exchange
    registry.refresh()
    assert first.num_closed == 0
    workshop.running_since[:] = (8.0, 7.0)
    registry.refresh()
    assert first.num_closed == 1
    assert workshop.runtimes["a", 1].num_closed == 0


def test_choice_of_the_first_runtime_changes_nothing_but_what_is_told(workshop, registry, trials, caplog):
    caplog.set_level(logging.INFO)
    first, choice = workshop.models[KEY], choose([trial(1.0)])
    trials.choices[KEY] = choice
    registry.refresh()
    assert workshop.models[KEY] is first
    assert workshop.catalogue.runtimes == (choice,)
    assert ("INFO", f"model a:1: {choice}") in [(record.levelname, record.message) for record in caplog.records]


def test_runtime_that_crashed_when_it_was_tried_is_warned_of(registry, trials, caplog):
    trials.choices[KEY] = choose([Trial("openvino", fault="it ended the process that tried it (SIGSEGV)")])
    registry.refresh()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "model a:1: litert, because openvino may not serve: it ended the process that tried it (SIGSEGV)"
    ]


def test_runtime_that_cannot_be_loaded_leaves_the_first_in_place(workshop, registry, trials):
    first = workshop.models[KEY]
    workshop.broken.add(("a", 1))
    workshop.error = CorruptArtifact("unlucky")
    trials.choices[KEY] = FASTER
    registry.refresh()
    assert workshop.models[KEY] is first
    [choice] = workshop.catalogue.runtimes
    assert choice.runtime == "litert"
    assert choice.reason == "model 'a with openvino' version 1 cannot be served: unlucky"
    assert choice.trials == FASTER.trials


def test_engine_that_ended_as_it_loaded_a_runtime_has_a_successor_that_does_not(workshop, registry, trials):
    workshop.fatal.add("openvino")
    trials.choices[KEY] = FASTER
    with pytest.raises(Killed):
        registry.refresh()
    successor = workshop.registry(before=workshop.catalogue)
    successor.refresh()
    assert workshop.served == [("a", 1)]
    trials.choices[KEY] = FASTER
    workshop.fatal.clear()
    successor.refresh()
    assert workshop.models[KEY].runtime == "litert"
    assert "loading it ended the engine" in workshop.catalogue.runtimes[0].reason
    workshop.now += RETRY_S


@pytest.fixture
def later(workshop):
    workshop.executor = Later()
    return workshop.executor


def test_change_of_the_repository_does_not_wait_for_a_runtime_that_is_being_loaded(workshop, later, registry, trials):
    trials.choices[KEY] = FASTER
    registry.refresh()
    assert (workshop.models[KEY].runtime, workshop.catalogue.runtimes) == ("litert", (LITERT,))
    workshop.publish()
    registry.refresh()
    assert workshop.served == [("a", 2)]
    workshop.promote("a", 1)
    registry.refresh()
    assert workshop.served == [("a", 1)]
    later.work()
    registry.refresh()
    assert (workshop.models[KEY].runtime, workshop.catalogue.runtimes) == ("openvino", (FASTER,))


@pytest.mark.parametrize("is_loaded_first", [True, False])
def test_runtime_that_is_loaded_for_a_version_that_has_gone_is_freed(
    workshop, later, registry, trials, is_loaded_first
):
    trials.choices[KEY] = FASTER
    registry.refresh()
    if is_loaded_first:
        later.work()
    faster = workshop.runtimes["a", 1]
    workshop.publish()
    for _ in range(2):
        registry.refresh()
        workshop.now += 100
    registry.refresh()
    later.work()
    assert faster.num_closed == 1
    assert [*workshop.models] == [key_of("a", 2)]
    registry.close()


def test_version_that_is_freed_is_not_tried_any_more(workshop, registry, trials):
    workshop.publish()
    registry.refresh()
    assert [*trials.wanted] == [KEY, key_of("a", 2)]
    workshop.now += 100
    registry.refresh()
    assert [*trials.wanted] == [key_of("a", 2)]


def test_closing_frees_what_was_replaced_too(workshop, registry, trials):
    first = workshop.runtimes["a", 1]
    workshop.running_since[:] = 5.0
    trials.choices[KEY] = FASTER
    registry.refresh()
    registry.close()
    assert first.num_closed == workshop.runtimes["a", 1].num_closed == 1
    assert trials.is_closed
