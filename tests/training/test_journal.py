"""Files that get other names, by a process that is killed at any step."""

import os

import pytest
from dying_processes import dies_before

from training.journal import FOLDER, Journal, begin, finish, is_applied, last_journal, undo, waiting

JOURNAL = Journal("0" * 64, ("c", "c/d"), (("a/1", "b/1"), ("a/2", "c/d/2"), ("b/3", "a/3")))


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    for name in ("a/1", "a/2", "b/3"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def contents(root):
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*")}
    return {name: path.read_text() if path.is_file() else None for name, path in files.items()}


BEFORE = {"a": None, "b": None, "a/1": "a/1", "a/2": "a/2", "b/3": "b/3"}
AFTER = {"a": None, "b": None, "c": None, "c/d": None, "b/1": "a/1", "c/d/2": "a/2", "a/3": "b/3"}


def without_journals(root):
    return {name: text for name, text in contents(root).items() if not name.startswith(FOLDER)}


def test_what_was_done_is_undone_name_for_name(root):
    begin(JOURNAL, root)
    assert finish(JOURNAL, root) == 3
    assert without_journals(root) == AFTER
    assert last_journal(root) == JOURNAL
    assert undo(JOURNAL, root) == 3
    assert contents(root) == BEFORE
    assert last_journal(root) is None


def test_done_again_nothing_happens(root):
    begin(JOURNAL, root)
    finish(JOURNAL, root)
    assert waiting(JOURNAL, root) == []
    assert finish(JOURNAL, root) == 0
    assert without_journals(root) == AFTER


def test_journals_are_undone_last_first(root):
    begin(JOURNAL, root)
    finish(JOURNAL, root)
    second = Journal("1" * 64, (), (("b/1", "c/1"),))
    begin(second, root)
    finish(second, root)
    assert last_journal(root) == second
    undo(second, root)
    assert last_journal(root) == JOURNAL
    undo(JOURNAL, root)
    assert contents(root) == BEFORE


def apply(root):
    begin(JOURNAL, root)
    finish(JOURNAL, root)


def killed(root, action):
    """Yield after each step at which `action` can be killed; it finds the folder as it was at first."""
    step, first = 1, contents(root)
    while dies_before(step, lambda: action(root)):
        yield
        again = last_journal(root)
        if again:
            undo(again, root)
        for name, text in first.items():
            path = root / name
            assert path.is_dir() if text is None else path.read_text() == text
        step += 1
    assert step > 10


def test_killed_at_any_step_it_can_be_finished(root):
    for _ in killed(root, apply):
        begun = last_journal(root)
        assert begun in (None, JOURNAL)
        if begun:
            finish(begun, root)
            assert without_journals(root) == AFTER
        else:
            assert without_journals(root) == BEFORE


def test_killed_at_any_step_it_can_be_undone(root):
    for _ in killed(root, apply):
        pass  # which undoes


def test_undo_that_is_killed_at_any_step_goes_on(root):
    def apply_and_undo(root):
        apply(root)
        undo(JOURNAL, root)

    for _ in killed(root, apply_and_undo):
        begun = last_journal(root)
        if begun:
            undo(begun, root)
        assert without_journals(root) == BEFORE


def test_no_file_is_ever_written_over(root):
    begin(JOURNAL, root)
    (root / "b/1").write_text("of another")
    with pytest.raises(ValueError, match="both a/1 and b/1 are there: one of them is new"):
        finish(JOURNAL, root)
    assert (root / "b/1").read_text() == "of another"
    assert (root / "a/2").exists()


def test_a_file_that_appears_in_between_is_not_written_over(root, monkeypatch):
    begin(JOURNAL, root)
    monkeypatch.setattr("training.journal.make_folder", lambda folder: (folder / "1").write_text("of another"))
    with pytest.raises(FileExistsError):
        finish(JOURNAL, root)
    assert (root / "b/1").read_text() == "of another"
    assert (root / "a/1").read_text() == "a/1"


def test_a_rename_that_fails_leaves_no_empty_file(root, monkeypatch):
    def fail(*_):
        raise OSError(18, "Invalid cross-device link")

    begin(JOURNAL, root)
    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="cross-device"):
        finish(JOURNAL, root)
    assert not (root / "b/1").exists()


def test_a_photo_that_is_gone_is_named(root):
    apply(root)
    (root / "b/1").unlink()
    with pytest.raises(ValueError, match="neither a/1 nor b/1 is there"):
        undo(JOURNAL, root)
    assert (root / "c/d/2").exists()


def test_folders_that_hold_something_else_by_now_stay(root):
    apply(root)
    (root / "c/d/new").write_text("new")
    undo(JOURNAL, root)
    assert contents(root) == {**BEFORE, "c": None, "c/d": None, "c/d/new": "new"}


def test_a_photo_that_was_removed_since_does_not_wait(root):
    begin(JOURNAL, root)
    assert not is_applied(JOURNAL, root)
    finish(JOURNAL, root)
    (root / "b/1").unlink()
    assert is_applied(JOURNAL, root)


def test_a_damaged_journal_is_named(root):
    begin(JOURNAL, root)
    (root / FOLDER / "1.json").write_text("{")
    with pytest.raises(ValueError, match=r"1\.json is damaged: nothing was moved"):
        last_journal(root)
