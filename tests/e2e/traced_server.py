"""The real server, which writes down each of our files that runs while the file of TRACE_SWITCH is there.

Run by tests/e2e/test_ways.py in processes of its own, with the settings in the environment. Only threads that begin
after this are traced: those that serve requests, and those that run models.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from server.cli import main
from server.engine import light_models

ROOT = Path(__file__).resolve().parents[2]
IS_FUNCTION = 1  # of a code object's flags; without it, it is the body of a class or a module


def trace_to(output: Path, switch: Path) -> None:
    seen = set()

    def note(frame, event, _argument):
        code = frame.f_code
        if event != "call" or code.co_filename in seen or not code.co_flags & IS_FUNCTION or not switch.exists():
            return
        seen.add(code.co_filename)
        path = Path(code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ("server", "models"):
            with output.open("a") as file:
                file.write(f"{path.relative_to(ROOT).as_posix()}\n")

    threading.setprofile(note)


if __name__ == "__main__":
    light_models.LIGHT_S = light_models.PROMPT_S = 1.0  # a run takes longer where each call is looked at
    trace_to(Path(os.environ.pop("TRACE_OUTPUT")), Path(os.environ.pop("TRACE_SWITCH")))
    sys.exit(main(sys.argv[1:], os.environ))
