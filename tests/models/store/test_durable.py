"""A file that is replaced, by writers that fail or are killed at any step."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from dying_processes import dies_before

from models.store.durable import replacing, sync_folder

OLD, NEW = b"old" * 1000, b"new" * 1000


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file.json").write_bytes(OLD)
    return tmp_path / "file.json"


def replace(path: Path) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        for start in range(0, len(NEW), 500):
            os.write(file.fileno(), NEW[start : start + 500])


def test_new_file_takes_the_place_of_the_old_one(path):
    with replacing(path) as temporary:
        temporary.write_bytes(NEW)
        assert temporary.suffix == path.suffix  # Keras and NumPy go by it
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]


def test_killed_at_any_step_leaves_the_old_file_or_the_new_one(path):
    step, states = 1, []
    while dies_before(step, lambda: replace(path)):
        states.append(path.read_bytes())
        path.write_bytes(OLD)
        step += 1
    assert set(states) == {OLD, NEW}
    assert states == sorted(states, reverse=True)  # the old one until the rename
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]  # nothing of those that were killed


def test_error_leaves_the_old_file_alone(path):
    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_writers_at_the_same_time_may_have_a_name_each(path):
    with replacing(path, path.with_name(".tmp-1")) as first, replacing(path, path.with_name(".tmp-2")) as second:
        second.write_bytes(b"second")
        first.write_bytes(b"first")
    assert path.read_bytes() == b"first"


def test_file_is_on_disk_before_its_name_and_then_the_name(path, monkeypatch):
    events = []
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(Path(f"/proc/self/fd/{handle}").readlink()))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (events.append("rename"), rename(self, target)))
    replace(path)
    assert events == [path.with_name(".tmp-file.json"), "rename", path.parent]


@pytest.mark.parametrize(("code", "is_told"), [(errno.EIO, True), (errno.EINVAL, False), (errno.ENOTSUP, False)])
def test_names_that_do_not_reach_the_disk_are_told_unless_none_can(tmp_path, monkeypatch, code, is_told):
    def fail(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(code)) if is_told else nullcontext():
        sync_folder(tmp_path)
