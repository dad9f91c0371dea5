"""`python -m optimize.cost.memory FILE`: by how many bytes a process grows when it loads and runs a `.tflite` once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def memory_bytes(path: Path) -> int:
    """Measure how much the resident memory of a fresh process grows by loading a file and running it once.

    Linux only.

    Raises:
        ValueError: LiteRT cannot load or run it.
    """
    command = [sys.executable, "-m", "optimize.cost.memory", str(path.resolve())]
    process = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise ValueError(f"{path.name} cannot be run by LiteRT in a process of its own")
    return int(process.stdout)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    from optimize.cost.timed_file import LoadedFile  # with all that it imports, before the first look

    before_bytes = _resident_bytes()
    loaded = LoadedFile(Path(sys.argv[1]), num_threads=1, batch_size=1)  # which runs it once
    print(_resident_bytes() - before_bytes)
