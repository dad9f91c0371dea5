"""Reads the name and abilities of this machine's processor from Linux."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
VNNI = {"avx512_vnni", "avx_vnni"}


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """Return the processor's name for itself, or at least its kind."""
    return proc_field("model name", cpuinfo) or platform.processor() or platform.machine()


def has_saturating_int8(cpuinfo: Path = CPUINFO) -> bool:
    """Tell whether 8-bit products saturate at 16 bits, as on an x86 processor without VNNI.

    Kernels that use it lose some of the largest sums; OpenVINO's do
    (https://docs.openvino.ai/latest/pot_saturation_issue.html), LiteRT's do not.
    """
    flags = proc_field("flags", cpuinfo).split()  # "flags" are of x86; others have "Features"
    return bool(flags) and not VNNI & set(flags)


def proc_field(name: str, file: Path) -> str:
    """Find the first value of a name in a file of /proc; empty without it."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    values = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name)
    return next(values, "")
