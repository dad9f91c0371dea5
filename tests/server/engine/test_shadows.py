"""Shadows run on spare capacity alone, and what they answer is compared and never sent."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from clock import Clock
from engines import MODEL, MeanColour, RunningEngine, ask, later, serving, wait_until

from server.engine.catalogue import ServedModel, key_of
from server.engine.loaded import LoadedModel
from server.engine.shadows import MAX_AGE_S, MAX_WAITING, Shadow, Shadows
from server.engine.traffic_split import TrafficSplit

CANDIDATE = replace(MODEL, version=4)
STABLE_KEY, KEY = (key_of(MODEL.name, version) for version in (3, 4))
SPLIT = TrafficSplit(MODEL.name, 3, 4, 25, is_shadow=True)
IMAGE = np.zeros((8, 8, 3), np.uint8)
RED, GREEN = (np.array(row, np.float32) for row in ([0.7, 0.2, 0.1], [0.3, 0.6, 0.1]))


class Wrong(MeanColour):
    """Takes red for green."""

    def run(self, images):
        return super().run(images)[:, [1, 0, 2]]


def catalogue(split=SPLIT, candidate=CANDIDATE):
    return replace(serving(MODEL, candidate), splits=(split,))


class Notes(list):
    def __call__(self, model, outcome, distance):
        self.append((model.version, outcome, distance))

    @property
    def outcomes(self):
        return [outcome for _, outcome, _ in self]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def shadows(notes):
    """Shadows that get every image, at a time that stands still."""
    shadows = Shadows(notes, draw=lambda: 0.0, clock=lambda: 0.0)
    shadows.follow(catalogue())
    return shadows


def loaded(runtime, model=CANDIDATE):
    return LoadedModel(model, [runtime], None, max_batch=1)


def run_all(shadows, runtime):
    while (task := shadows.begin()) is not None:
        shadows.run(task, loaded(runtime), runner=0)


def test_answers_are_compared_by_label_and_distance(shadows, notes):
    image = IMAGE + np.array((255, 0, 0), np.uint8)
    shadows.offer(STABLE_KEY, [image], [MeanColour().run([image])[0]])
    run_all(shadows, MeanColour())
    shadows.offer(STABLE_KEY, [image], [MeanColour().run([image])[0]])
    run_all(shadows, Wrong())
    assert [(version, outcome) for version, outcome, _ in notes] == [(4, "agrees"), (4, "differs")]
    assert [distance for *_, distance in notes] == pytest.approx([0, 255 / 258])


@pytest.mark.parametrize(
    ("labels", "answer", "agrees", "distance"),
    [
        (("red", "green", "blue"), [0.3, 0.6, 0.1], False, 0.4),
        (("green", "red", "blue"), [0.2, 0.7, 0.1], True, 0.0),
        (("red", "green", "blue", "black"), [0.6, 0.2, 0.1, 0.1], True, 0.1),
        (("white", "black"), [0.5, 0.5], False, 1.0),
    ],
)
def test_labels_are_compared_by_their_names(labels, answer, agrees, distance):
    candidate = ServedModel("colours", 4, labels, MODEL.pixels)
    told = Shadow(candidate, MODEL, 10).compare(np.array(answer, np.float32), RED)
    assert told == (agrees, pytest.approx(distance, abs=1e-6))


def test_share_of_the_images_is_copied(notes):
    places = iter([0.1, 0.24, 0.25, 0.9])
    shadows = Shadows(notes, draw=lambda: next(places))
    shadows.follow(catalogue())
    shadows.offer(STABLE_KEY, [IMAGE] * 4, [RED] * 4)
    run_all(shadows, MeanColour())
    assert notes.outcomes == ["agrees", "agrees"]


def test_what_failed_and_what_another_version_answered_is_not_copied(shadows):
    shadows.offer(STABLE_KEY, [IMAGE], [None])
    shadows.offer(KEY, [IMAGE], [RED])
    assert not shadows.has_waiting


def test_pixels_are_those_of_that_moment(shadows, notes):
    image = IMAGE + np.array((255, 0, 0), np.uint8)
    shadows.offer(STABLE_KEY, [image], [MeanColour().run([image])[0]])
    image[:] = 13
    run_all(shadows, MeanColour())
    assert notes.outcomes == ["agrees"]


def test_what_finds_no_room_is_dropped_and_counted(shadows, notes):
    shadows.offer(STABLE_KEY, [IMAGE] * (MAX_WAITING + 2), [RED] * (MAX_WAITING + 2))
    assert notes.outcomes == ["dropped"] * 2


def test_what_waits_too_long_is_dropped_and_counted(notes):
    clock = Clock(0.0)
    shadows = Shadows(notes, draw=lambda: 0.0, clock=clock)
    shadows.follow(catalogue())
    shadows.offer(STABLE_KEY, [IMAGE], [RED])
    clock.now = MAX_AGE_S + 0.1
    assert shadows.begin() is None
    assert notes.outcomes == ["dropped"]


def test_one_runs_at_a_time_and_its_version_is_needed_meanwhile(shadows):
    shadows.offer(STABLE_KEY, [IMAGE] * 2, [RED] * 2)
    task = shadows.begin()
    assert shadows.is_running(KEY)
    assert shadows.begin() is None
    shadows.run(task, None, runner=0)
    assert not shadows.is_running(KEY)
    assert shadows.begin() is not None


def test_shadow_that_fails_or_has_gone_is_counted(shadows, notes):
    shadows.offer(STABLE_KEY, [IMAGE + 13] * 2, [RED] * 2)
    shadows.run(shadows.begin(), loaded(MeanColour()), runner=0)
    shadows.run(shadows.begin(), None, runner=0)
    assert notes.outcomes == ["failed", "dropped"]


def test_version_that_ended_the_engine_is_no_shadow_any_more(notes):
    culprit = np.zeros(1, np.uint64)

    class Fatal(MeanColour):
        def run(self, images):
            seen.append(int(culprit[0]))
            return super().run(images)

    seen = []
    shadows = Shadows(notes, culprit=culprit, draw=lambda: 0.0)
    shadows.follow(catalogue())
    shadows.offer(STABLE_KEY, [IMAGE], [RED])
    run_all(shadows, Fatal())
    assert (seen, int(culprit[0])) == ([KEY], 0)
    culprit[0] = KEY  # as an engine leaves it that ended meanwhile
    shadows = Shadows(notes, culprit=culprit, draw=lambda: 0.0)
    shadows.follow(catalogue())
    shadows.offer(STABLE_KEY, [IMAGE], [RED])
    assert not shadows.has_waiting


def test_shadow_with_other_pixels_and_canary_are_not_shadows(notes):
    shadows = Shadows(notes, draw=lambda: 0.0)
    other = replace(CANDIDATE, pixels=replace(MODEL.pixels, width_px=9))
    for each in (catalogue(candidate=other), catalogue(replace(SPLIT, is_shadow=False))):
        shadows.follow(each)
        shadows.offer(STABLE_KEY, [IMAGE], [RED])
        assert not shadows.has_waiting


@pytest.fixture
def running(notes):
    """An engine with two runners and a shadow that gets every image."""
    shadows = Shadows(notes, draw=lambda: 0.0, clock=lambda: 0.0)
    shadows.follow(catalogue())
    running = RunningEngine(MeanColour(), MeanColour(), num_slots=4, shadows=shadows)
    running.candidate = Wrong()
    running.runners.models = {
        **running.runners.models,
        KEY: LoadedModel(CANDIDATE, [running.candidate, running.candidate], None, max_batch=1),
    }
    yield running
    running.candidate.may_run.set()
    running.close()


def test_runner_with_nothing_else_to_do_runs_the_shadow(running, notes):
    assert ask(running.client, MODEL, 255) == [pytest.approx(256 / 258)]
    wait_until(lambda: notes.outcomes == ["differs"])


def test_client_is_answered_while_a_shadow_runs(running, notes):
    running.candidate.may_run.clear()
    for _ in range(3):
        assert ask(running.client, MODEL, 255) == [pytest.approx(256 / 258)]
    assert running.candidate.batch_sizes == []
    running.candidate.may_run.set()
    wait_until(lambda: notes.outcomes == ["differs"] * 3)


def test_no_shadow_begins_while_a_batch_runs(running, notes):
    ask(running.client, MODEL, 255)
    wait_until(lambda: notes.outcomes == ["differs"])
    for runtime in running.runtimes:
        runtime.may_run.clear()
    with running.client.reserve(MODEL, 1, deadline=later()) as [slot]:
        slot.pixels[:] = 0
        slot.submit()
        wait_until(running.table.running_since.any)
        running.runners._shadows.offer(STABLE_KEY, [IMAGE], [RED])
        running.table.ring(running.table.doorbells[0])
        assert notes.outcomes == ["differs"]
        for runtime in running.runtimes:
            runtime.may_run.set()
        slot.result()
    wait_until(lambda: len(notes) == 3)


def test_no_shadow_begins_while_clients_have_as_many_images_in_hand_as_there_are_cores(running, notes):
    with running.client.reserve(MODEL, 2, deadline=later()) as [slot, _decoded]:
        slot.pixels[:] = (255, 0, 0)
        slot.submit()
        slot.result()
        for _ in range(5):
            running.table.ring(running.table.doorbells[0])
            time.sleep(0.01)  # in which a runner looks
        assert running.runners._shadows.has_waiting
        assert notes == []
    wait_until(lambda: notes.outcomes == ["differs"])
