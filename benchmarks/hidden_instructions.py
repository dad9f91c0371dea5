"""Runs a command as on a processor with AVX2 and without VNNI, by hiding from it what a newer x86 processor has.

    python -m benchmarks.hidden_instructions .venv/dev/bin/python -m models.runtime_choice.trial ...

Libraries ask the processor (CPUID) which instructions it has, and choose kernels by that: the kernels of an older
processor are measured, at the pace of this one. Needs gcc, and Linux on a processor that lets CPUID fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.folders import CACHE
from models.runtime.processor import CPUINFO, proc_field

SOURCE = Path(__file__).with_suffix(".c")
NEEDED_FLAG = "cpuid_fault"


class CannotHide(Exception):
    """This machine cannot hide instructions from a process; the text says why."""


def environment_without_vnni(environ: Mapping[str, str], *, cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """Return the environment of a process that shall see no AVX-512, VNNI and AMX; compiles the library for it.

    Raises:
        CannotHide: the processor cannot, or there is no compiler.
    """
    if NEEDED_FLAG not in proc_field("flags", cpuinfo).split():
        raise CannotHide(
            f"the processor does not let CPUID fault ({NEEDED_FLAG} is not among the flags of /proc/cpuinfo)"
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    library = CACHE / f"{SOURCE.stem}.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotHide(f"gcc is needed, and failed: {getattr(error, 'stderr', error)}") from error
    return {**environ, "LD_PRELOAD": " ".join(filter(None, (str(library), environ.get("LD_PRELOAD"))))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    if not command:
        print(f"usage: python -m {__spec__.name} COMMAND ...", file=sys.stderr)
        return 2
    try:
        environ = environment_without_vnni(os.environ)
    except CannotHide as error:
        print(error, file=sys.stderr)
        return 1
    return subprocess.run(command, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
