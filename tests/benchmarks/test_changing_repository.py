"""What the benchmark of version changes takes for right: the versions that the repository names, and their answers."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import pytest

from benchmarks.changing_repository import ChangingRepository, MayAnswer
from benchmarks.checker import expected_answers
from benchmarks.version_changes import Seen
from benchmarks.workload import shipped
from models.errors import CorruptArtifact


@pytest.fixture
def changing(tmp_path):
    workload = shipped()
    shutil.copytree(workload.repository / workload.model, tmp_path / workload.model)
    return ChangingRepository(replace(workload, repository=tmp_path), random.Random(0))


def test_versions_that_may_answer_are_those_that_the_repository_names(changing):
    kinds, repository, name = set(), changing.repository, changing.name
    for _ in range(60):
        made = changing.change()
        kinds.add(made.kind)
        if made.broken is not None:
            with pytest.raises(CorruptArtifact):
                repository.load(name, made.broken)
            made = changing.mend(made.broken)
        canary, stable = repository.canary(name), repository.stable_version(name)
        is_asked = canary is not None and not canary.is_shadow
        named = {canary.version} if is_asked else set()
        assert made.seen == named | (set() if is_asked and canary.percent == 100 else {stable})
        assert made.seen <= set(repository.versions(name))
    assert len(kinds) == 10


def test_each_version_has_answers_of_its_own_and_they_are_expected(changing):
    while len(changing.expected) < 4:
        if (made := changing.change()).broken is not None:
            changing.mend(made.broken)
    stable = changing.repository.stable_version(changing.name)
    artifact = changing.repository.load(changing.name, stable)
    assert list(changing.expected[stable]) == expected_answers(artifact, shipped().photos)
    assert len({tuple(answers) for answers in changing.expected.values()}) == len(changing.expected)


def may_answer(*since):
    allowed = MayAnswer()
    allowed.since = [(at, frozenset(versions)) for at, versions in since]
    return allowed


def test_answer_of_an_old_version_is_late_by_the_time_since_it_should_have_gone():
    allowed = may_answer((0.0, {1}), (10.0, {1, 2}), (11.0, {2}), (20.0, {3}))
    assert allowed.lag_s(1, 9.0, 9.5) == 0
    assert allowed.lag_s(1, 10.9, 12.0) == 0
    assert allowed.lag_s(1, 12.5, 13.0) == 1.5
    assert allowed.lag_s(2, 19.0, 30.0) == 0
    assert allowed.lag_s(2, 21.0, 22.0) == 1.0
    assert allowed.lag_s(4, 21.0, 22.0) == float("inf")
    assert allowed.lag_s(3, 12.0, 13.0) == float("inf"), "it was not stable yet"


def test_answers_are_seen_once_a_change_shows_and_never_those_of_before(changing):
    seen = Seen(may_answer((0.0, {1}), (10.0, {2})))
    made = replace(changing.change(), ended_at=10.0, seen=frozenset({2}))
    seen.begin(made)
    for began_at in (9.0, 10.5, 11.0):
        seen.note(1, began_at, began_at + 0.1)
    assert (seen.lags_s, seen.never, seen.shows(made)) == ([0.5, 1.0], 0, False)
    for _ in range(3):
        seen.note(2, 11.5, 11.6)
    seen.note(7, 11.5, 11.6)
    assert (seen.never, seen.shows(made)) == (1, False)
    for _ in range(3):
        seen.note(2, 11.7, 11.8)
    assert seen.shows(made)
