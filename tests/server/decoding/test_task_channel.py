"""Tasks and replies across the channel, and what becomes of those that nobody waits for."""

from __future__ import annotations

import signal

import pytest
from waiting import SOON_S


def test_task_and_reply_come_across(channel):
    number = channel.send(b"encoded", {"format": "GIF"})
    task, encoded = channel.receive(SOON_S)
    assert (task["format"], task["number"], encoded) == ("GIF", number, b"encoded")
    channel.reply(number, error="corrupt_image")
    assert channel.wait_for_reply(number, SOON_S) == {"error": "corrupt_image", "number": number}


def test_encoded_bytes_are_gone_once_they_are_taken(channel):
    channel.send(b"secret", {})
    channel.receive(SOON_S)
    assert bytes(channel._memory[:6]) == bytes(6)


def test_task_that_was_given_up_is_not_begun(channel):
    channel.send(b"first", {})
    second = channel.send(b"second", {})
    assert channel.receive(SOON_S) is None
    assert channel.receive(SOON_S)[0]["number"] == second
    assert channel.receive(0.0) is None


def test_reply_to_a_task_that_was_given_up_is_none_to_the_next(channel):
    first = channel.send(b"first", {})
    channel.receive(SOON_S)
    second = channel.send(b"second", {})
    channel.reply(first)
    assert channel.wait_for_reply(second, SOON_S) is None
    assert channel.wait_for_reply(second, 0.0) is None


def test_end_of_a_process_is_told_of_the_task_that_it_had_begun(channel):
    first = channel.send(b"first", {})
    channel.receive(SOON_S)
    channel.tell_end(-signal.SIGSEGV)
    assert channel.wait_for_reply(first, SOON_S) == {"ended": -signal.SIGSEGV, "number": first}
    second = channel.send(b"second", {})  # which a successor takes
    channel.tell_end(-signal.SIGSEGV)
    assert channel.wait_for_reply(second, SOON_S) is None


def test_ends_that_nobody_reads_block_nobody(channel):
    for _ in range(5000):
        channel.tell_end(1)


def test_process_hears_that_worker_and_master_have_gone(channel):
    channel.worker_end.close()
    with pytest.raises(EOFError):
        channel.receive(SOON_S)
