"""Choices are made one after the other beside what the engine does, and again where other work disturbed them."""

from __future__ import annotations

import threading

import pytest
from engines import SOON_S, wait_until
from small_artifacts import small_manifest

from models.runtime_choice.record import RuntimeChoice
from models.store.artifact import Artifact
from server.engine.runtime_trials import PAUSES_S, RuntimeTrials

ARTIFACT, OTHER = (Artifact(None, small_manifest(name=name)) for name in ("a", "b"))
CHOICE = RuntimeChoice("openvino", "it was faster")
UNSURE = RuntimeChoice("litert", "other work disturbed the trial", is_lasting=False)


@pytest.fixture
def make(clock):
    made = []

    def make(choose):
        made.append(RuntimeTrials(choose, clock=clock))
        return made[-1]

    yield make
    for trials in made:
        trials.close()


def wait_for(trials, keys):
    """What is made within a while, at least one."""
    found = []
    wait_until(lambda: found.extend(trials.made(keys)) or found)
    return found


def test_choice_is_told_once(make):
    trials = make(lambda _artifact: CHOICE)
    trials.want(7, ARTIFACT)
    assert wait_for(trials, {7}) == [(7, ARTIFACT, CHOICE)]
    assert [*trials.made({7})] == []


def test_nobody_waits_for_a_choice(make):
    may_end = threading.Event()
    trials = make(lambda _artifact: may_end.wait(SOON_S) and CHOICE)
    trials.want(7, ARTIFACT)
    assert [*trials.made({7})] == []
    may_end.set()
    assert wait_for(trials, {7}) == [(7, ARTIFACT, CHOICE)]


def test_version_that_drains_is_told_of_when_it_serves_again(make):
    trials = make(lambda _artifact: CHOICE)
    for key, artifact in ((7, ARTIFACT), (8, OTHER)):
        trials.want(key, artifact)
    assert wait_for(trials, {8}) == [(8, OTHER, CHOICE)]
    assert wait_for(trials, {7}) == [(7, ARTIFACT, CHOICE)]


def test_version_that_was_freed_is_not_told_of(make):
    trials = make(lambda _artifact: CHOICE)
    for key, artifact in ((7, ARTIFACT), (8, OTHER)):
        trials.want(key, artifact)
    trials.forget(7)
    trials.forget(9)
    assert wait_for(trials, {7, 8}) == [(8, OTHER, CHOICE)]
    assert [*trials.made({7})] == []


def test_choice_that_fails_is_of_that_version_alone(make, caplog):
    def choose(artifact):
        if artifact is ARTIFACT:
            raise MemoryError
        return CHOICE

    trials = make(choose)
    for key, artifact in ((7, ARTIFACT), (8, OTHER)):
        trials.want(key, artifact)
    assert wait_for(trials, {7, 8}) == [(8, OTHER, CHOICE)]
    assert "the runtime of model a:1 cannot be chosen" in caplog.text


def test_disturbed_trials_are_made_again_after_pauses_and_not_for_ever(make, clock):
    trials = make(lambda _artifact: UNSURE)
    trials.want(7, ARTIFACT)
    for pause_s in (*PAUSES_S, None):
        assert wait_for(trials, {7}) == [(7, ARTIFACT, UNSURE)]
        clock.now += (pause_s or 1e6) - 1
        assert [*trials.made({7})] == []
        clock.now += 1
