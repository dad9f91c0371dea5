"""The memory that processes share: room for each slot alone, and wake-ups that reach another process."""

from __future__ import annotations

import os
import select
from pathlib import Path

import numpy as np
import pytest
from engines import small_table

from server.engine import slot_table
from server.engine.slot_table import SlotTable

SOON_MS = 20_000


@pytest.fixture
def table():
    table = small_table(3, num_partitions=2, num_engines=2)
    yield table
    table.close()


def test_slots_do_not_overlap(table):
    for slot in range(6):
        table.pixels(slot, 8, 8)[:] = slot + 1
        table.probabilities(slot, 3)[:] = -slot
    for slot in range(6):
        assert (table.pixels(slot, 8, 8) == slot + 1).all()
        assert (table.probabilities(slot, 3) == -slot).all()


def test_each_slot_has_pages_of_its_own_whatever_their_size(monkeypatch):
    monkeypatch.setattr(slot_table, "PAGE_BYTES", 16_384)  # a Raspberry Pi 5's
    table = small_table(3)
    first, second = (table.pixels(slot, 8, 8).ctypes.data for slot in (0, 1))
    assert (second - first) % 16_384 == 0
    table.close()


def test_fields_do_not_overlap(table):
    fields = [value for value in vars(table).values() if isinstance(value, np.ndarray)]
    for number, field in enumerate(fields, start=1):
        field[:] = number
    for number, field in enumerate(fields, start=1):
        assert (field == number).all()
    assert len(fields) >= 18
    assert not any(table.catalogue(1, 1)[:100])


def test_what_another_process_writes_and_rings_arrives(table):
    pid = os.fork()
    if pid == 0:
        table.pixels(4, 8, 8)[:] = 77
        table.ticket[4] = 5
        table.ring(table.wakeups[4])
        os._exit(0)
    poller = select.poll()
    poller.register(table.wakeups[4], select.POLLIN)
    assert poller.poll(SOON_MS)
    os.waitpid(pid, 0)
    assert table.ticket[4] == 5
    assert (table.pixels(4, 8, 8) == 77).all()


def test_wakeup_that_was_rung_twice_is_cleared_at_once_and_clearing_it_again_does_no_harm(table):
    table.ring(table.wakeups[0])
    table.ring(table.wakeups[0])
    table.clear(table.wakeups[0])
    poller = select.poll()
    poller.register(table.wakeups[0], select.POLLIN)
    assert not poller.poll(0)
    table.clear(table.wakeups[0])


def test_cancelling_a_worker_touches_its_partition_alone(table):
    table.ticket[:] = 2
    table.completed[:] = [2, 1, 2, 1, 1, 1]
    table.in_use[:] = 1
    table.cancel(1)
    assert table.cancelled.tolist() == [0, 0, 0, 2, 2, 2]
    assert table.in_use.tolist() == [1, 1, 1, 0, 0, 0]


def test_work_of_a_dead_engine_goes_to_another(table):
    table.in_use[:] = [1, 1, 0, 1, 0, 0]
    table.engine[:] = [0, 1, 0, 0, 1, 0]
    table.reassign(0, 1)
    assert (table.num_in_hand(0), table.num_in_hand(1)) == (0, 3)
    poller = select.poll()
    poller.register(table.doorbells[1], select.POLLIN)
    assert poller.poll(0)


def test_what_waits_is_submitted_and_neither_begun_nor_done_nor_given_up(table):
    table.ticket[:] = 2
    table.completed[:] = [1, 2, 1, 1, 1, 1]
    table.attempted[:] = [1, 2, 2, 0, 0, 0]
    table.cancelled[:] = [1, 0, 0, 2, 0, 0]
    table.engine[4] = 1
    assert (table.num_waiting(0), table.num_waiting(1)) == (2, 1)  # slots 0 and 5, and slot 4


def test_memory_counts_only_where_it_is_used():
    before = _resident_kib()
    table = SlotTable(
        num_partitions=4, slots_per_partition=64, num_engines=1, pixel_bytes=4096 * 4096 * 3, max_classes=65_536
    )
    table.pixels(0, 4096, 4096)[0] = 1
    assert _resident_kib() - before < 20_000
    table.close()
    table.close()


def _resident_kib():
    status = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in status if line.startswith(("RssShmem", "RssAnon")))
