"""Runs `python -m models.spark` in an environment of its own, as a user does."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PYTHON = REPO / ".venv" / "spark" / "bin" / "python"  # `make test-all` makes it
POISONED = ("--conf", "spark.python.daemon.module=poisoned_daemon")  # tests/spark/poisoned_daemon.py
ENDS_DECODERS = {"crash.jpg": b"end this process", "endless.jpg": b"never end"}


def start_spark(*arguments, cwd=REPO):
    """Start the command, in a session of its own; gives the process."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements/spark.txt: make .venv/spark/.done")
    environ = {**os.environ, "PYTHONPATH": f"{REPO}:{REPO / 'tests' / 'spark'}", "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [PYTHON, "-m", "models.spark", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=environ, start_new_session=True, **pipes)


def run_spark(*arguments, **options):
    """Run the command to its end; gives status, stdout and the last line of stderr."""
    process = start_spark(*arguments, **options)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, (err.splitlines() or [""])[-1]


def wait_for(condition, *, timeout_s=300):
    """Wait until a condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def processes_of(text):
    """The commands of processes that name a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [command] if text in command else []
    return found
