"""What a server holds: memory, processes, threads, descriptors, slots, shared memory, temporary files."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to
DRAWN = re.compile(r"-[^-/]*(?= \(deleted\)$)")  # of a worker's file, whose successor has another


@dataclass(frozen=True)
class Holdings:
    """At one moment; each but the memory counts by its name."""

    pss_bytes: int
    processes: Counter[str]
    threads: Counter[str]
    descriptors: Counter[str]
    files: Counter[str]  # in shared memory that it has open, and in its folder of temporary files
    slots: Counter[str]

    @classmethod
    def of(cls, pid: int, temporary: Path, slots_in_use: float) -> Holdings:
        family = processes.family(pid)
        names = {member: processes.title(member) or "zombie" for member in family}
        threads, descriptors, files = Counter(), Counter(), Counter()
        for member, name in names.items():
            threads[name] += len(entries(processes.PROC / str(member) / "task"))
            links = entries(processes.PROC / str(member) / "fd")
            descriptors[name] += len(links)
            files.update({str(path): 1 for path in targets(links) if SHARED_MEMORY in path.parents})
        files = Counter(DRAWN.sub("-*", path) for path in files) + Counter(str(path) for path in temporary.rglob("*"))
        return cls(
            pss_bytes=processes.pss_bytes(family),
            processes=Counter(names.values()),
            threads=threads,
            descriptors=descriptors,
            files=files,
            slots=Counter({"in use": round(slots_in_use)}) + Counter(),
        )

    def added_since(self, before: Holdings) -> dict[str, Counter[str]]:
        """By kind, what there is more of."""
        kinds = ("processes", "threads", "descriptors", "files", "slots")
        return {kind: getattr(self, kind) - getattr(before, kind) for kind in kinds}


def entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # the process has ended
        return []


def targets(links: list[Path]) -> list[Path]:
    found = []
    for link in links:
        with contextlib.suppress(OSError):  # it has been closed
            found.append(link.readlink())
    return found


def settled(look: Callable[[], Holdings], before: Holdings | None, *, seconds: float) -> Holdings:
    """Look until nothing is more than before, twice in a row, or the time is over; without a before, all the time."""
    give_up_at, good = time.monotonic() + seconds, 0
    while True:
        now = look()
        is_good = before is not None and not any(now.added_since(before).values()) and is_no_more(now, before)
        good = good + 1 if is_good else 0
        if good == 2 or time.monotonic() >= give_up_at:
            return now
        time.sleep(1.0)


MORE_MEMORY = 1.1  # than before, which is what comes back within 20 s of any attack


def is_no_more(now: Holdings, before: Holdings) -> bool:
    return now.pss_bytes <= MORE_MEMORY * before.pss_bytes
