"""The canary of a model in the repository: written and ended in one step each, recorded, and never half."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from dying_processes import dies_before
from small_artifacts import NAME

from models.errors import ArtifactError, CorruptArtifact, ModelNotFound, VersionIsStable, VersionNotFound
from models.pixels.preprocessing import PixelSpec
from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import start_canary, stop_canary


@pytest.fixture
def three(repository, publish):
    """Versions 1, 2 and 3, of which 1 is stable."""
    for _ in range(3):
        publish()
    repository.promote(NAME, 1)
    return repository


def told(repository):
    return [(str(each), each.version, each.stable, each.why) for each in repository.history(NAME)][4:]


def routing(repository):
    return json.loads((repository.root / NAME / "routing.json").read_text())


def test_canary_stands_beside_the_stable_version_and_is_recorded(three):
    start_canary(three, NAME, Canary(2, 10), why="smaller")
    assert routing(three) == {"stable": 1, "canary": {"version": 2, "percent": 10}}
    assert (three.canary(NAME), three.stable_version(NAME)) == (Canary(2, 10), 1)
    start_canary(three, NAME, Canary(3, 0.5, is_shadow=True))
    assert three.canary(NAME) == Canary(3, 0.5, is_shadow=True)
    assert stop_canary(three, NAME, why="enough")
    assert not stop_canary(three, NAME)
    assert (three.canary(NAME), routing(three)) == (None, {"stable": 1})
    assert told(three) == [("canary 10%", 2, 1, "smaller"), ("shadow 0.5%", 3, 1, ""), ("canary 0%", 3, 1, "enough")]


def test_highest_version_that_was_stable_without_a_file_stays_so(repository, publish):
    publish()
    publish()
    (repository.root / NAME / "routing.json").unlink()
    start_canary(repository, NAME, Canary(1, 50))
    assert routing(repository) == {"stable": 2, "canary": {"version": 1, "percent": 50}}


@pytest.mark.parametrize(
    ("name", "version", "error", "message"),
    [
        ("nobody", 1, ModelNotFound, "there is no model"),
        (NAME, 7, VersionNotFound, "has no version 7; it has 1, 2, 3"),
        (NAME, 1, VersionIsStable, "version 1 of model 'flowers' is the stable one, which gets all requests"),
    ],
)
def test_what_cannot_be_a_canary_changes_nothing(three, name, version, error, message):
    with pytest.raises(error, match=message):
        start_canary(three, name, Canary(version, 10))
    assert routing(three) == {"stable": 1}
    assert told(three) == []


def test_canary_whose_files_have_changed_is_refused(three):
    (three.root / NAME / "2" / "model.tflite").write_bytes(b"changed")
    with pytest.raises(CorruptArtifact):
        start_canary(three, NAME, Canary(2, 10))
    assert routing(three) == {"stable": 1}


def test_shadow_must_take_the_pixels_of_the_stable_version(three, publish):
    publish(pixels=PixelSpec(64, 64))
    three.promote(NAME, 1)
    with pytest.raises(ArtifactError, match="version 4 of model 'flowers' takes other pixels than version 1"):
        start_canary(three, NAME, Canary(4, 10, is_shadow=True))
    start_canary(three, NAME, Canary(4, 10))
    assert three.canary(NAME) == Canary(4, 10)


@pytest.mark.parametrize(("version", "percent"), [(0, 10), (2, 0), (2, 100.5), (2, float("nan")), (2, -1)])
def test_no_version_and_no_share_is_no_canary(version, percent):
    with pytest.raises(ValueError, match="must be"):
        Canary(version, percent)


def test_promotion_ends_the_canary_in_the_same_step(three):
    start_canary(three, NAME, Canary(2, 10))
    three.promote(NAME, 2)
    assert routing(three) == {"stable": 2}


@pytest.mark.parametrize("is_shadow", [False, True])
def test_promotion_of_the_version_that_is_stable_ends_the_canary(three, is_shadow):
    start_canary(three, NAME, Canary(2, 10, is_shadow=is_shadow))
    three.promote(NAME, 1)
    assert routing(three) == {"stable": 1}


def test_rollback_ends_the_canary_first_and_then_goes_back(three):
    start_canary(three, NAME, Canary(2, 10))
    assert three.rollback(NAME, why="errors").manifest.version == 1
    assert routing(three) == {"stable": 1}
    assert told(three)[-1] == ("rollback", 2, 1, "errors")
    assert three.rollback(NAME).manifest.version == 3


def test_rollback_ends_a_canary_that_nobody_can_read(three):
    (three.root / NAME / "routing.json").write_text('{"stable": 1, "canary": 5}')
    with pytest.raises(CorruptArtifact, match=r"'canary' in routing\.json: it must be"):
        three.canary(NAME)
    three.rollback(NAME)
    assert routing(three) == {"stable": 1}


def test_canary_is_not_retired(three):
    start_canary(three, NAME, Canary(2, 10))
    with pytest.raises(VersionIsStable, match="version 2 of model 'flowers' is the canary: stop that first"):
        three.retire(NAME, 2)
    three.retire(NAME, 3)
    assert three.canary(NAME) == Canary(2, 10)


def test_publication_that_does_not_become_stable_leaves_the_canary(three, tmp_path):
    from small_artifacts import small_manifest, small_sources

    start_canary(three, NAME, Canary(2, 10))
    three.publish(small_manifest(), small_sources(tmp_path), becomes_stable=False)
    assert three.canary(NAME) == Canary(2, 10)
    three.publish(small_manifest(), small_sources(tmp_path))
    assert three.canary(NAME) is None


def test_kill_at_any_step_leaves_the_canary_or_none(tmp_path, three, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    setup, root = tmp_path / "setup", three.root
    shutil.copytree(root, setup)
    step, seen = 1, []
    while True:
        shutil.rmtree(root)
        shutil.copytree(setup, root)
        if not dies_before(step, lambda: start_canary(Repository(root), NAME, Canary(2, 10))):
            break
        assert three.stable_version(NAME) == 1
        seen.append(three.canary(NAME))
        step += 1
    assert seen[0] is None
    assert set(seen) == {None, Canary(2, 10)}
