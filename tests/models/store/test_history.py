"""The history of a model: what is recorded of changes, and what it takes to go back."""

from __future__ import annotations

import os
import shutil

import pytest
from dying_processes import dies_before
from small_artifacts import NAME

from models.errors import ModelNotFound, VersionIsStable, VersionNotFound
from models.store.history import HISTORY_FILE, Change, append, change_now, read_history, stable_before
from models.store.repository import Repository


def told(repository):
    return [(each.action, each.version, each.stable, each.before) for each in repository.history(NAME)]


def test_each_change_is_recorded_with_who_when_and_why(repository, publish, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "lab")
    publish()
    publish()
    repository.promote(NAME, 1, why="the second is slow")
    assert told(repository) == [("publish", 1, 1, None), ("publish", 2, 2, 1), ("promote", 1, 1, 2)]
    last = repository.history(NAME)[-1]
    assert (last.by, last.why) == ("ada@lab", "the second is slow")
    assert last.at.endswith("+00:00")


def test_user_without_a_name_is_recorded_by_number(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert change_now("promote", 1, stable=1, before=None).by.startswith(f"{os.getuid()}@")


def test_version_that_does_not_become_stable_is_recorded_as_such(repository, publish, tmp_path):
    publish()
    publish()
    from small_artifacts import small_manifest, small_sources

    repository.publish(small_manifest(), small_sources(tmp_path, b"other"), becomes_stable=False)
    assert told(repository)[-1] == ("publish", 3, 2, 2)
    assert repository.stable_version(NAME) == 2


def test_rollback_goes_back_further_each_time(repository, publish):
    for _ in range(3):
        publish()
    assert repository.rollback(NAME, why="worse").manifest.version == 2
    assert repository.stable_version(NAME) == 2
    assert repository.rollback(NAME).manifest.version == 1
    with pytest.raises(VersionNotFound, match="tells of none that was stable before 1"):
        repository.rollback(NAME)
    assert repository.stable_version(NAME) == 1
    assert told(repository)[3:] == [("rollback", 2, 2, 3), ("rollback", 1, 1, 2)]


def test_rollback_after_another_promotion_goes_to_what_was_stable_then(repository, publish):
    for _ in range(3):
        publish()
    repository.promote(NAME, 1)
    assert repository.rollback(NAME).manifest.version == 3


def test_rollback_to_a_retired_version_says_that_it_is_gone(repository, publish):
    publish()
    publish()
    repository.retire(NAME, 1)
    with pytest.raises(VersionNotFound, match="has no version 1; it has 2"):
        repository.rollback(NAME)


def test_version_that_is_retired_is_gone_and_leaves_nothing(repository, publish):
    for _ in range(3):
        publish()
    repository.retire(NAME, 1, why="old")
    assert repository.versions(NAME) == [2, 3]
    assert not list(repository.root.rglob(".tmp-*"))
    assert told(repository)[-1] == ("retire", 1, 3, 3)


def test_stable_version_is_not_retired_and_no_other_takes_its_place(repository, publish):
    publish()
    publish()
    repository.promote(NAME, 1)
    with pytest.raises(VersionIsStable, match=r"version 1 of model .* is the stable one: promote another first"):
        repository.retire(NAME, 1)
    repository.retire(NAME, 2)
    assert repository.stable_version(NAME) == 1
    with pytest.raises(VersionNotFound, match="has no version 2; it has 1"):
        repository.retire(NAME, 2)


def test_number_of_a_retired_version_is_not_given_again(repository, publish):
    for _ in range(2):
        publish()
    repository.promote(NAME, 1)
    repository.retire(NAME, 2)
    assert publish().manifest.version == 3
    assert repository.versions(NAME) == [1, 3]


def test_unknown_model_has_no_history(repository):
    for ask in (repository.history, repository.rollback):
        with pytest.raises(ModelNotFound):
            ask("nobody")


def test_line_that_was_cut_is_passed_over_and_hides_no_other(tmp_path):
    first = change_now("publish", 1, stable=1, before=None)
    append(tmp_path, first)
    with (tmp_path / HISTORY_FILE).open("a") as file:
        file.write('{"action": "promote", "ver')
    second = change_now("publish", 2, stable=2, before=1)
    append(tmp_path, second)
    assert read_history(tmp_path) == [first, second]


@pytest.mark.parametrize(
    "line",
    ["[]", "3", "{}", "[" * 10_000, '{"action": "x", "version": 1, "stable": 1, "before": null, "at": "", "by": ""}'],
    ids=["list", "number", "nothing", "deep", "another action"],
)
def test_line_that_is_no_change_is_passed_over(tmp_path, line):
    (tmp_path / HISTORY_FILE).write_text(f"{line}\n")
    assert read_history(tmp_path) == []


def test_nothing_is_known_before_the_first_change():
    assert stable_before([], 3) is None
    assert stable_before([Change("promote", 3, 3, 3, "", "")], 3) is None


def test_rollback_killed_at_any_step_leaves_one_version_or_the_other(tmp_path, repository, publish, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for _ in range(3):
        publish()
    setup, root = tmp_path / "setup", repository.root
    shutil.copytree(root, setup)
    step, seen = 1, []
    while True:
        shutil.rmtree(root)
        shutil.copytree(setup, root)
        if not dies_before(step, lambda: Repository(root).rollback(NAME)):
            break
        seen.append(repository.stable_version(NAME))
        assert repository.rollback(NAME).manifest.version == seen[-1] - 1
        step += 1
    assert seen == sorted(seen, reverse=True)
    assert set(seen) <= {2, 3}
    assert 3 in seen
