"""Says what to type for the Python that runs, as in the commands that a message recommends."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def this_python() -> str:
    """Return `python` where that is the one that runs, else its path: a make target's has an environment of its own."""
    runs = Path(sys.executable)
    found = shutil.which("python")
    if found and Path(found).parent == runs.parent:  # not resolved: environments link to one interpreter
        return "python"
    return shlex.quote(str(runs.relative_to(Path.cwd()) if runs.is_relative_to(Path.cwd()) else runs))
