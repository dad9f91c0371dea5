"""Memory that nothing is on goes back to the system, once there is enough of it."""

from __future__ import annotations

import subprocess
import sys

from server.memory import GROWTH_BYTES, Trimming


def test_what_has_grown_is_trimmed_once():
    sizes, calls = [100 * GROWTH_BYTES], []
    trimming = Trimming(resident=lambda: sizes[0], trim=lambda: calls.append(sizes[0]))
    trimming.look()
    sizes[0] += GROWTH_BYTES
    trimming.look()
    assert calls == []
    sizes[0] += 1
    trimming.look()
    trimming.look()
    assert calls == [sizes[0]]


def test_growth_counts_from_the_least_there_was():
    sizes, calls = [100 * GROWTH_BYTES], []
    trimming = Trimming(resident=lambda: sizes[0], trim=lambda: calls.append(sizes[0]))
    sizes[0] -= 10 * GROWTH_BYTES
    trimming.look()
    sizes[0] += 2 * GROWTH_BYTES
    trimming.look()
    assert calls == [92 * GROWTH_BYTES]


def test_pages_between_what_is_kept_come_back():
    code = """
from server.memory import limit_arenas, resident_bytes, trim
limit_arenas()
before = resident_bytes()
many = [bytearray(50_000) for _ in range(2000)]
kept = many[::10]
full = resident_bytes()
del many
trim()
print(full - before > 90_000_000, resident_bytes() - before < 30_000_000)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "True True\n"
