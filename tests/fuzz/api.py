"""Fuzzes the API by its description, against the real server: `python -m fuzz.api SECONDS`.

schemathesis sends what `/openapi.json` allows and what it does not, and compares the answers with it: no 500, statuses
and bodies as described, what is not allowed is refused.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from colours import publish_stub
from running_server import STUB, RunningServer

CONFIG = Path(__file__).with_name("schemathesis.toml")
TOKEN = "let-me-in"  # noqa: S105 - of this server alone


def main(seconds: int) -> int:
    """Fuzz for so long, and what takes the admin token for a quarter of it; returns schemathesis' exit status."""
    every = fuzz(seconds, {}, [])
    with_token = ["--include-path-regex", "^/v2/repository/", "--header", f"Authorization: Bearer {TOKEN}"]
    return fuzz(max(1, seconds // 4), {"OPSIN_ADMIN_TOKEN": TOKEN}, with_token) or every


def fuzz(seconds: int, environ: Mapping[str, str], options: Sequence[str]) -> int:
    """Start a server and fuzz it; returns schemathesis' exit status."""
    with tempfile.TemporaryDirectory() as folder:
        publish_stub(Path(folder))
        running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": f"{folder}/models", **environ})
        try:
            running.wait_until_ready()
            command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
            command += [f"http://127.0.0.1:{running.port}/openapi.json", "--max-time", str(seconds)]
            command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", *options]
            return subprocess.run(command, check=False, cwd=folder).returncode
        finally:
            running.end()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
