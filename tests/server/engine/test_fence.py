"""The fence orders what processes see by C11's memory model: all its executions of small programs are gone through.

What runs here cannot show it: x86 keeps stores in order, and an emulated Arm on it does so too.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import time

import pytest

from server.engine.fence import Fence

# A step writes 1 to a place that holds 0, reads one, or calls the fence, whose semaphore may be the process's own.
WRITE, READ, POST, WAIT = "write", "read", "post", "wait"
FENCE = [(POST, "shared"), (WAIT, "shared")]


def outcomes(*threads):
    """All that the reads of a program may find by C11, in order; plain accesses are relaxed."""
    steps = [(thread, *step) for thread, program in enumerate(threads) for step in program]
    number = range(len(steps))
    follows = {(a, b) for a, b in itertools.combinations(number, 2) if steps[a][0] == steps[b][0]}
    changes = [step for step in number if steps[step][1] in (POST, WAIT)]
    reads = [step for step in number if steps[step][1] == READ]
    found = set()
    for order in itertools.permutations(changes):
        if any((b, a) in follows for a, b in itertools.combinations(order, 2)):
            continue  # a thread's own changes keep their order in that of the semaphore
        synchronizes = {
            (a, b)
            for a, b in itertools.combinations(order, 2)
            if steps[a][1:] == (POST, steps[b][2]) and steps[b][1] == WAIT
        }
        before = closure(follows | synchronizes, number)
        for values in itertools.product((0, 1), repeat=len(reads)):
            if all(may_read(read, value, steps, before) for read, value in zip(reads, values, strict=True)):
                found.add(values)
    return found


def may_read(read, value, steps, before):
    """Coherence: no read finds a write that happens after it, or misses one that happens before it."""
    [write] = [step for step, (_, kind, place) in enumerate(steps) if (kind, place) == (WRITE, steps[read][2])]
    return (read, write) not in before if value else (write, read) not in before


def closure(pairs, number):
    pairs = set(pairs)
    for via, first, last in itertools.product(number, repeat=3):
        if (first, via) in pairs and (via, last) in pairs:
            pairs.add((first, last))
    return pairs


def message_passing(of_writer, of_reader):
    writer = [(WRITE, "pixels"), *of_writer, (WRITE, "ticket")]
    return outcomes(writer, [(READ, "ticket"), *of_reader, (READ, "pixels")])


def test_who_sees_the_ticket_sees_the_pixels():
    assert message_passing(FENCE, FENCE) == {(0, 0), (0, 1), (1, 1)}


@pytest.mark.parametrize(
    ("of_writer", "of_reader"),
    [
        ([], []),
        (FENCE, []),
        ([], FENCE),
        ([(POST, "own"), (WAIT, "own")], [(POST, "other"), (WAIT, "other")]),  # as locks of each process would be
    ],
)
def test_anything_less_is_not_enough(of_writer, of_reader):
    assert (1, 0) in message_passing(of_writer, of_reader)


def test_of_two_that_announce_and_look_one_sees_the_other():
    def both(fence):
        reserve = [(WRITE, "in_use"), *fence, (READ, "catalogue")]
        return outcomes(reserve, [(WRITE, "catalogue"), *fence, (READ, "in_use")])

    assert both([]) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert both(FENCE) == {(0, 1), (1, 0), (1, 1)}


def test_order_reaches_a_third_process():
    programs = (
        [(WRITE, "a"), *FENCE, (WRITE, "b")],
        [(READ, "b"), *FENCE, (WRITE, "c")],
        [(READ, "c"), *FENCE, (READ, "a")],
    )
    assert (1, 1, 0) not in outcomes(*programs)
    assert (1, 1, 1) in outcomes(*programs)


def num_tokens(fence):
    value = ctypes.c_int()
    ctypes.PyDLL(None).sem_getvalue(fence._semaphore, ctypes.byref(value))
    return value.value


def in_another_process(act):
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(0)
    return pid


def test_no_token_is_left_by_any_process():
    fence = Fence()
    fence()
    os.waitpid(in_another_process(fence), 0)
    assert num_tokens(fence) == 0


def test_one_that_is_killed_in_the_middle_stops_nobody():
    fence = Fence()
    os.waitpid(in_another_process(lambda: ctypes.PyDLL(None).sem_post(fence._semaphore)), 0)
    fence()
    assert num_tokens(fence) == 1


def test_one_that_is_killed_at_any_time_stops_nobody():
    fence = Fence()
    for after_s in (0.001, 0.002, 0.005):
        pid = in_another_process(lambda: [fence() for _ in itertools.count()])
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        fence()
    assert num_tokens(fence) <= 3
