"""API keys: the file holds hashes, several at once, and is followed while the server runs."""

from __future__ import annotations

import hashlib
import logging
import os

import pytest

from server.api.keys import CHECK_S, MAX_FILE_BYTES, MAX_KEYS, ApiKeys, parse_keys
from server.setting_rows import SettingsError


def line(name, key):
    return f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# of the phone app\n\n" + line("app", "first") + line("app", "second") + line("batch", "third"))
    return path


@pytest.fixture
def keys(path, clock):
    return ApiKeys(path, clock=clock)


@pytest.mark.parametrize(
    ("key", "name"),
    [("first", "app"), ("second", "app"), ("third", "batch"), ("fourth", None), ("", None), ("é", None)],
)
def test_each_key_has_the_name_of_its_line_and_a_name_may_have_several(keys, key, name):
    assert keys.name_of(key) == name


def test_hash_itself_is_no_key(keys):
    assert keys.name_of(hashlib.sha256(b"first").hexdigest()) is None


def test_all_keys_are_compared_whichever_is_right(keys, monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append(a) or a == b)
    keys.name_of("first")
    keys.name_of("nothing")
    assert len(compared) == 2 * 3


def test_changed_file_counts_once_it_is_looked_at_again(keys, path, clock):
    path.write_text(line("app", "second"))
    assert keys.name_of("first") == "app"
    clock.now += CHECK_S
    assert (keys.name_of("first"), keys.name_of("second")) == (None, "app")


def test_key_that_has_been_added_counts_at_once(keys, path):
    assert keys.name_of("new") is None
    path.write_text(path.read_text() + line("app", "new"))
    assert keys.name_of("new") == "app"


def test_wrong_key_has_the_file_read_again_where_that_has_changed_and_else_not(keys, path, monkeypatch):
    numbers = []
    opens = os.open
    monkeypatch.setattr("os.open", lambda *args: numbers.append(0) or opens(*args))
    for _ in range(3):
        keys.name_of("wrong")
    assert not numbers
    path.write_text("half a li")
    for _ in range(3):
        keys.name_of("wrong")
    assert len(numbers) == 1


@pytest.mark.parametrize("broken", ["", "app sha256:12\n", "app first\n", line("app", "new") + "half a li", None])
def test_broken_or_missing_file_keeps_the_keys_of_before_and_says_so_once(
    keys, path, clock, caplog, monkeypatch, broken
):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    path.unlink()
    if broken is not None:
        path.write_text(broken)
    for _ in range(3):
        clock.now += CHECK_S
        assert (keys.name_of("first"), keys.name_of("new")) == ("app", None)
    [record] = caplog.records
    assert record.message.startswith("the file of API keys cannot be used, those of before stay in force: ")
    assert "half a li" not in record.message
    path.write_text(line("app", "new"))
    clock.now += CHECK_S
    assert (keys.name_of("first"), keys.name_of("new")) == (None, "app")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# none\n", f"it must hold 1 to {MAX_KEYS} keys, it holds 0"),
        (line("a", "x").encode() * (MAX_KEYS + 1), f"it must hold 1 to {MAX_KEYS} keys, it holds {MAX_KEYS + 1}"),
        (b"\n\xff\xfe\n", "line 2 must be a name, of a-z 0-9 . _ -, and sha256:<64 hexadecimal digits>"),
        (line("A", "x").encode(), "line 1 must be a name"),
    ],
)
def test_what_is_no_file_of_keys_is_said_by_line(content, reason):
    with pytest.raises(ValueError, match=r"^it must|^line") as caught:
        parse_keys(content)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("content", [None, b"app first", bytes(MAX_FILE_BYTES + 1)])
def test_file_that_cannot_be_used_at_the_start_is_named_by_its_setting(tmp_path, content):
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(SettingsError, match=r"^OPSIN_API_KEYS_FILE cannot be used: ") as caught:
        ApiKeys(tmp_path / "keys")
    assert "first" not in str(caught.value)


def test_pipe_in_place_of_the_file_is_not_waited_for(path, keys, clock):
    path.unlink()
    os.mkfifo(path)
    clock.now += CHECK_S
    assert keys.name_of("first") == "app"
    with pytest.raises(SettingsError, match="OPSIN_API_KEYS_FILE cannot be used: it is no file, but a folder, a pipe"):
        ApiKeys(path)


def test_file_that_everybody_may_write_is_refused_and_leaves_the_keys_of_before(path, keys, clock, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    path.chmod(0o646)
    path.write_text(line("stranger", "own"))
    clock.now += CHECK_S
    assert (keys.name_of("own"), keys.name_of("first")) == (None, "app")
    assert "every user of this machine may write it" in caplog.text
    with pytest.raises(SettingsError, match="OPSIN_API_KEYS_FILE cannot be used: every user of this machine may write"):
        ApiKeys(path)
