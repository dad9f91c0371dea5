"""Counts the processor cores that this process may use, container limits included."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from models.runtime.control_groups import ROOT, groups


def available_cores(root: Path = ROOT) -> int:
    """Count the cores of the CPU affinity mask, or fewer where the container has a smaller quota.

    A pod limited to two cores on a machine of 64 sees 64 in ``os.cpu_count()``; a model loaded 64 times would serve
    worse than twice. The quota is rounded up: 1.5 cores keep two threads busy for three quarters of the time.

    Args:
        root: where /proc and the control groups are.
    """
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([num_cores, *map(math.ceil, cpu_quotas(root))]))


def cpu_quotas(root: Path = ROOT) -> Iterator[float]:
    """List the quotas, in cores, of this process's control group and of those that it is in, v1 and v2 (cgroups(7)).

    The least of them holds: a group gets no more than the groups above it, whatever its own quota says.
    """
    for folder in groups("cpu", root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:  # "max" is no number, and -1 says the same in v1
                yield int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
