"""Memory that nothing is on goes back to the system, once there is enough of it."""

from __future__ import annotations

import subprocess
import sys

from server.memory import WORK_S, Trimming


def test_memory_is_trimmed_after_work_and_collected_after_its_end():
    cpu_s, done = [1.0], []
    trimming = Trimming(
        cpu_s=lambda: cpu_s[0],
        trim=lambda: done.append("trim"),
        collect=lambda: done.append("collect"),
        forget=lambda: done.append("forget"),
    )
    trimming.look()
    assert done == []
    for _ in range(2):
        cpu_s[0] += 2 * WORK_S
        trimming.look()
    assert done == ["trim", "trim"]
    for _ in range(3):
        cpu_s[0] += WORK_S / 4
        trimming.look()
    assert done == ["trim", "trim", "collect", "forget", "trim"]


def test_pages_between_what_is_kept_come_back():
    code = """
import os
from pathlib import Path
from server.memory import limit_arenas, trim
def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
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
