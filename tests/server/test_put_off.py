"""What is put off until a response has been sent is done then, in order, by the thread that put it off."""

from __future__ import annotations

import threading

from server.put_off import PutOff


def test_call_between_responses_is_made_at_once():
    put_off, made = PutOff(), []
    put_off(made.append, 1)
    assert made == [1]


def test_calls_of_a_response_are_made_at_its_end_in_their_order():
    put_off, made = PutOff(), []
    put_off.begin()
    put_off(made.append, 1)
    put_off(made.extend, [2, 3])
    assert made == []
    put_off.end()
    assert made == [1, 2, 3]
    put_off(made.append, 4)
    assert made == [1, 2, 3, 4]


def test_calls_are_made_once():
    put_off, made = PutOff(), []
    for _ in range(2):
        put_off.begin()
        put_off(made.append, 1)
        put_off.end()
    assert made == [1, 1]


def test_each_thread_puts_off_its_own():
    put_off, made = PutOff(), []
    put_off.begin()
    put_off(made.append, "ours")
    thread = threading.Thread(target=put_off, args=(made.append, "theirs"))
    thread.start()
    thread.join()
    assert made == ["theirs"]
    put_off.end()
    assert made == ["theirs", "ours"]
