"""Tasks and replies across the desk, and what becomes of those that nobody waits for."""

from __future__ import annotations

import signal

import pytest

SOON_S = 30.0


def test_task_and_reply_come_across(desk):
    number = desk.give(b"encoded", {"format": "GIF"})
    task, encoded = desk.take(SOON_S)
    assert (task["format"], task["number"], encoded) == ("GIF", number, b"encoded")
    desk.reply(number, error="corrupt_image")
    assert desk.wait_for_reply(number, SOON_S) == {"error": "corrupt_image", "number": number}


def test_encoded_bytes_are_gone_once_they_are_taken(desk):
    desk.give(b"secret", {})
    desk.take(SOON_S)
    assert bytes(desk._memory[:6]) == bytes(6)


def test_task_that_was_given_up_is_not_begun(desk):
    desk.give(b"first", {})
    second = desk.give(b"second", {})
    assert desk.take(SOON_S) is None
    assert desk.take(SOON_S)[0]["number"] == second
    assert desk.take(0.0) is None


def test_reply_to_a_task_that_was_given_up_is_none_to_the_next(desk):
    first = desk.give(b"first", {})
    desk.take(SOON_S)
    second = desk.give(b"second", {})
    desk.reply(first)
    assert desk.wait_for_reply(second, SOON_S) is None
    assert desk.wait_for_reply(second, 0.0) is None


def test_end_of_a_process_is_told_of_the_task_that_it_had_begun(desk):
    first = desk.give(b"first", {})
    desk.take(SOON_S)
    desk.tell_end(-signal.SIGSEGV)
    assert desk.wait_for_reply(first, SOON_S) == {"ended": -signal.SIGSEGV, "number": first}
    second = desk.give(b"second", {})  # which a successor takes
    desk.tell_end(-signal.SIGSEGV)
    assert desk.wait_for_reply(second, SOON_S) is None


def test_ends_that_nobody_reads_block_nobody(desk):
    for _ in range(5000):
        desk.tell_end(1)


def test_process_hears_that_worker_and_master_have_gone(desk):
    desk.worker_end.close()
    with pytest.raises(EOFError):
        desk.take(SOON_S)
