"""The processes of a server, as Linux shows them in /proc: who they are, their memory, their CPU time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def exit_at_sigterm() -> None:
    """Have SIGTERM end this command through its `with` blocks, so that no process of its own outlives it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def family(pid: int) -> list[int]:
    """A process and all its descendants; one that ends meanwhile may be missing."""
    return [pid, *_descendants(pid)]


def named(pid: int, name: str) -> list[int]:
    """Those of the family of `pid` whose title contains `name`, such as "opsin: engine"."""
    return [member for member in family(pid) if name in title(member)]


def title(pid: int) -> str:
    """The command line, which a process may have replaced by a name; empty if it has ended."""
    return _read(PROC / str(pid) / "cmdline").replace("\0", " ").strip()


def pss_bytes(pids: list[int]) -> int:
    """Proportional set size: pages that n processes share count 1/n in each, so that the sum is what all take."""
    return sum(_rollup_bytes(pid, "Pss:") for pid in pids)


def num_threads(pid: int) -> int:
    """Count the threads of a process; none if it has ended."""
    return len(_entries(PROC / str(pid) / "task"))


def num_descriptors(pids: list[int]) -> int:
    """Count the open descriptors of processes; those that have ended have none."""
    return sum(len(_entries(PROC / str(pid) / "fd")) for pid in pids)


def private_bytes(pids: list[int]) -> int:
    """Pages that each has alone: what a leak of its own is in, and the memory that it shares with others is not."""
    return sum(_rollup_bytes(pid, "Private_Clean:", "Private_Dirty:") for pid in pids)


def cpu_s(pids: list[int]) -> float:
    """CPU time spent so far, user and system, by those that are alive and the children that they have waited for."""
    return sum(_cpu_ticks(pid) for pid in pids) / _TICKS_PER_S


def _descendants(pid: int) -> Iterator[int]:
    for task in _entries(PROC / str(pid) / "task"):
        for child in _read(task / "children").split():
            yield int(child)
            yield from _descendants(int(child))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended
        return ""


def _rollup_bytes(pid: int, *names: str) -> int:
    lines = _read(PROC / str(pid) / "smaps_rollup").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))


def _cpu_ticks(pid: int) -> int:
    # After the name, which is in parentheses and may hold anything; fields 14 to 17 of proc(5).
    fields = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])
