"""Counts the processor cores that this process may use, container limits included."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def available_cores(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Count the cores of the CPU affinity mask, or fewer where the container has a smaller quota.

    A pod limited to two cores on a machine of 64 sees 64 in ``os.cpu_count()``; a model loaded 64 times would serve
    worse than twice. The quota is rounded up: 1.5 cores keep two threads busy for three quarters of the time.

    Args:
        cpu_max: the quota file of cgroup version 2: microseconds of CPU time, or ``max``, and the period.
    """
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(num_cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return num_cores  # no cgroup, or no quota ("max")
