"""Publishing: killed at any step, many at once, slow ones, and what dead publishers leave behind."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dying_processes import dies_before, exit_code, start
from small_artifacts import NAME, contents, small_manifest, small_sources

from models.errors import ModelNotFound, OpsinError
from models.store import durable
from models.store.repository import Repository

HOUR_S = 3600


def age(folder: Path, seconds: float) -> None:
    for path in [folder, *folder.rglob("*")]:
        modified = path.stat().st_mtime - seconds
        os.utime(path, (modified, modified))


def leftovers(repository: Repository) -> list[Path]:
    return list(repository.root.rglob(".tmp-*"))


def test_old_leftovers_are_removed_and_young_ones_are_not(repository, publish):
    publish()
    model = repository.root / NAME
    for name in (".tmp-old", ".tmp-young", ".tmp-busy"):
        (model / name / "saved_model").mkdir(parents=True)
        (model / name / "saved_model" / "file").write_text("half")
    (model / ".tmp-routing").write_text("{")
    for name in (".tmp-old", ".tmp-busy", ".tmp-routing"):
        age(model / name, HOUR_S + 60)
    age(model / ".tmp-young", HOUR_S - 60)
    (model / ".tmp-busy" / "saved_model" / "file").write_text("more")  # a large file that takes its time
    publish()
    assert sorted(path.name for path in leftovers(repository)) == [".tmp-busy", ".tmp-young"]
    assert repository.versions(NAME) == [1, 2]


def test_a_leftover_that_is_a_link_is_removed_and_not_followed(repository, publish, tmp_path):
    publish()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    link = repository.root / NAME / ".tmp-link"
    link.symlink_to(tmp_path / "precious")
    os.utime(link, (0, 0), follow_symlinks=False)
    age(tmp_path / "precious", 2 * HOUR_S)
    publish()
    assert not leftovers(repository)
    assert (tmp_path / "precious" / "file").read_text() == "keep"


def stable_state(repository: Repository) -> dict[str, bytes] | None:
    """What a reader is served, verified, and None where there is no model."""
    for name in repository.names():
        for version in repository.versions(name):
            repository.load(name, version)
    return contents(repository.load(NAME)) if repository.names() else None


def deaths(root: Path, setup: Path, action) -> Iterator[None]:
    """Die before each operation of `action` in turn, each time in a fresh copy of `setup`."""
    step = 1
    while True:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(setup, root)
        if not dies_before(step, action):
            assert step > 10, "the changes are not counted"
            return
        yield
        step += 1


@pytest.mark.parametrize("is_first", [True, False])
def test_a_publisher_killed_at_any_step_leaves_the_old_state_or_the_new(tmp_path, monkeypatch, is_first):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # matters to a lost power supply only, and takes long
    setup, root, repository = tmp_path / "setup", tmp_path / "repository", Repository(tmp_path / "repository")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    setup.mkdir()
    if not is_first:
        Repository(setup).publish(small_manifest(), small_sources(tmp_path / "a", b"old"))
    (setup / NAME / ".tmp-dead" / "saved_model").mkdir(parents=True)  # that it dies while it tidies up, too
    (setup / NAME / ".tmp-dead" / "saved_model" / "file").write_text("half")
    age(setup / NAME / ".tmp-dead", 2 * HOUR_S)
    old = stable_state(Repository(setup))
    new_files = small_sources(tmp_path / "b", b"new")
    seen = []
    for _ in deaths(root, setup, lambda: repository.publish(small_manifest(), new_files)):
        seen.append(stable_state(repository))
        for leftover in leftovers(repository):
            age(leftover, 2 * HOUR_S)
        last = repository.publish(small_manifest(), small_sources(tmp_path / "a", b"last"))
        assert repository.load(NAME) == last
        assert stable_state(repository) == contents(last)
        assert leftovers(repository) == []
    new = stable_state(repository)
    assert new == {path: data.replace(b"old", b"new") for path, data in new.items()}
    num_old = seen.count(old)
    assert 0 < num_old < len(seen)
    assert seen == [old] * num_old + [new] * (len(seen) - num_old)


def test_a_version_in_place_of_one_that_is_not_stable_never_is_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    setup, root = tmp_path / "setup", tmp_path / "repository"
    sources = small_sources(tmp_path)
    publish_many(setup, sources, "first", 2)
    (setup / NAME / "routing.json").unlink()  # the highest version is stable
    repository = Repository(root)
    for _ in deaths(root, setup, lambda: repository.publish(small_manifest(), sources, in_place_of=1)):
        assert repository.stable_version(NAME) == 2
    assert (repository.versions(NAME), repository.stable_version(NAME)) == ([1, 2, 3], 2)


def test_a_version_promoted_while_another_is_copied_stays_stable(repository, publish, tmp_path, monkeypatch):
    publish()
    publish()

    def copy_file(source, target):
        repository.promote(NAME, 1)
        return durable.copy_file(source, target)

    monkeypatch.setattr("models.store.staging.copy_file", copy_file)
    repository.publish(small_manifest(), small_sources(tmp_path), in_place_of=2)
    assert (repository.versions(NAME), repository.stable_version(NAME)) == ([1, 2, 3], 1)


def publish_many(root: Path, sources, author: str, num: int) -> list[int]:
    manifest = small_manifest(provenance={"author": author})
    return [Repository(root).publish(manifest, sources).manifest.version for _ in range(num)]


def check_all_arrived(repository: Repository, authors: list[str], num: int) -> None:
    versions = repository.versions(NAME)
    assert versions == list(range(1, len(authors) * num + 1))
    found = [repository.load(NAME, version).manifest.provenance["author"] for version in versions]
    assert sorted(found) == sorted(authors * num)
    assert repository.stable_version(NAME) == versions[-1]
    assert not leftovers(repository)


def test_threads_that_publish_at_once_lose_nothing(repository, tmp_path):
    sources = small_sources(tmp_path)
    authors = [f"thread {number}" for number in range(6)]
    versions: list[int] = []
    threads = [
        threading.Thread(
            target=lambda author=author: versions.extend(publish_many(repository.root, sources, author, 3))
        )
        for author in authors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(1, 19))
    check_all_arrived(repository, authors, 3)


def test_processes_that_publish_at_once_lose_nothing_and_readers_always_read(repository, tmp_path):
    sources = small_sources(tmp_path)
    authors = [f"process {number}" for number in range(4)]
    children = [start(lambda author=author: publish_many(repository.root, sources, author, 5)) for author in authors]
    stable = [0]
    gives_up_at = time.monotonic() + 30
    while stable[-1] < 10 and time.monotonic() < gives_up_at:  # of 20; until then nobody is done
        try:
            stable.append(repository.load(NAME).manifest.version)
        except ModelNotFound:
            assert stable == [0]
    assert [exit_code(child) for child in children] == [0] * 4
    assert stable == sorted(stable)
    check_all_arrived(repository, authors, 5)


def test_a_publisher_that_is_slow_does_not_undo_a_later_one(repository, tmp_path, monkeypatch):
    sources = small_sources(tmp_path)
    first_is_named, second_is_done = threading.Event(), threading.Event()
    rename = os.rename

    def pausing_rename(source, target):
        rename(source, target)
        if Path(target).name == "1":
            first_is_named.set()
            second_is_done.wait(0.5)

    monkeypatch.setattr(os, "rename", pausing_rename)
    first = threading.Thread(target=publish_many, args=(repository.root, sources, "first", 1))
    first.start()
    assert first_is_named.wait(30)
    publish_many(repository.root, sources, "second", 1)
    second_is_done.set()
    first.join()
    assert repository.stable_version(NAME) == 2
    check_all_arrived(repository, ["first", "second"], 1)


def test_a_version_taken_while_publishing_moves_on_to_the_next(repository, publish, monkeypatch):
    publish()
    rename = os.rename

    def rival_comes_first(source, target):
        if Path(target).name == "2" and not Path(target).exists():
            shutil.copytree(repository.root / NAME / "1", target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", rival_comes_first)
    assert publish().manifest.version == 3
    assert repository.load(NAME).manifest.version == 3


def test_a_failed_publish_changes_nothing(repository, publish, tmp_path):
    publish()
    before = repository.load(NAME)
    with pytest.raises(OpsinError):
        repository.publish(small_manifest(), {"model.tflite": tmp_path / "nowhere"})
    assert repository.load(NAME) == before
    assert repository.versions(NAME) == [1]
    assert not leftovers(repository)
