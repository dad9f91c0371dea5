"""What was measured is kept where this user alone can have written it."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from tried_runtimes import trial

from models.runtime_choice.kept_trials import FOLDER, KeptTrials, default_folder

KEY = {"file": "abc", "cores": 2}


@pytest.fixture
def kept(tmp_path):
    return KeptTrials(tmp_path / "cache", KEY)


@pytest.fixture
def file(kept, tmp_path):
    kept.write([trial()])
    [file] = (tmp_path / "cache" / FOLDER).iterdir()
    return file


def test_trials_are_read_back_for_the_same_key_alone(kept, file, tmp_path):
    assert kept.read() == (trial(),)
    assert KeptTrials(tmp_path / "cache", dict(reversed(KEY.items()))).read() == (trial(),)
    assert KeptTrials(tmp_path / "cache", {**KEY, "cores": 3}).read() == ()


def test_newer_trials_take_the_place_of_older_ones(kept, file):
    kept.write([trial(3.0)])
    assert kept.read() == (trial(3.0),)
    assert [*file.parent.iterdir()] == [file]


def test_file_and_folder_are_this_users_alone(kept, file):
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o660, 0o606])
def test_file_that_others_may_write_is_not_believed(kept, file, mode, caplog):
    file.chmod(mode)
    assert kept.read() == ()
    assert "not believed: others may have written it" in caplog.text


def test_folder_that_others_may_write_is_not_used(kept, file):
    file.parent.chmod(0o777)
    assert kept.read() == ()
    kept.write([trial(3.0)])
    file.parent.chmod(0o700)
    assert kept.read() == (trial(),)


def test_file_of_another_user_is_not_believed(kept, file, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert kept.read() == ()


def test_links_are_not_followed(kept, file, tmp_path):
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert kept.read() == ()
    file.unlink()
    folder = file.parent.rename(tmp_path / "other")
    file.parent.symlink_to(folder)
    kept.write([trial()])
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', "{" * 100_000])
def test_file_that_is_broken_keeps_nothing(kept, file, content):
    file.write_text(content)
    assert kept.read() == ()
    kept.write([trial()])
    assert kept.read() == (trial(),)


def test_pipe_in_the_place_of_the_file_is_not_waited_for(kept, file):
    file.unlink()
    os.mkfifo(file)
    assert kept.read() == ()


def test_folder_that_cannot_be_made_keeps_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file" / "cache"):
        kept = KeptTrials(folder, KEY)
        kept.write([trial()])
        assert kept.read() == ()
        with kept.alone(60):
            pass


def test_one_process_measures_at_a_time(kept, tmp_path):
    with kept.alone(60):
        child = multiprocessing.get_context("fork").Process(target=measure, args=(kept, tmp_path))
        child.start()
        child.join(0.3)
        assert child.is_alive()
    child.join(60)
    assert (tmp_path / "measured").exists()


def measure(kept, folder):
    with kept.alone(60):
        (folder / "measured").touch()


def test_patience_with_another_process_ends(kept):
    with kept.alone(60), kept.alone(0.0):
        pass


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"OPSIN_CACHE": "/var/cache/opsin", "HOME": "/home/a"}, "/var/cache/opsin"),
        ({"OPSIN_CACHE": " ", "XDG_CACHE_HOME": "/home/a/caches", "HOME": "/home/a"}, "/home/a/caches/opsin"),
        ({"XDG_CACHE_HOME": "caches", "HOME": "/home/a"}, "/home/a/.cache/opsin"),
        ({}, "None"),
    ],
)
def test_folder_is_the_one_that_is_set_or_the_users_own(environ, folder):
    assert str(default_folder(environ)) == folder
