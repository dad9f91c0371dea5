"""What this machine's processor is and can do, as Linux tells it."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
VNNI = {"avx512_vnni", "avx_vnni"}


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """What the processor calls itself, or at least its kind."""
    return proc_field("model name", cpuinfo) or platform.processor() or platform.machine()


def has_saturating_int8(cpuinfo: Path = CPUINFO) -> bool:
    """Whether it is an x86 processor without VNNI, whose one instruction for products of 8 bits saturates at 16.

    Kernels that use it lose some of the largest sums; OpenVINO's do
    (https://docs.openvino.ai/latest/pot_saturation_issue.html), LiteRT's do not.
    """
    flags = proc_field("flags", cpuinfo).split()  # "flags" are of x86; others have "Features"
    return bool(flags) and not VNNI & set(flags)


def proc_field(name: str, file: Path) -> str:
    """The first value of that name in a file of /proc; empty where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    values = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name)
    return next(values, "")
