"""Fuzzes the API by its description, against the real server: `python -m fuzz.api SECONDS`.

schemathesis sends what `/openapi.json` allows and what it does not, and compares the answers with it: no 500, statuses
and bodies as described, what is not allowed is refused.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from colours import publish_stub
from running_server import STUB, RunningServer

CONFIG = Path(__file__).with_name("schemathesis.toml")


def main(seconds: int) -> int:
    """Fuzz for so long; returns schemathesis' exit status."""
    with tempfile.TemporaryDirectory() as folder:
        publish_stub(Path(folder))
        running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": f"{folder}/models"})
        try:
            running.wait_until_ready()
            command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
            command += [f"http://127.0.0.1:{running.port}/openapi.json", "--max-time", str(seconds)]
            command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
            return subprocess.run(command, check=False, cwd=folder).returncode
        finally:
            running.end()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
