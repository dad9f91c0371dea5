"""Runs the official clients of protocols, in an environment of their own, and gives what they were told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PYTHON = REPO / ".venv" / "clients" / "bin" / "python"  # `make test` makes it
PHOTO = REPO / "tests" / "data" / "daisy_2408024540.jpg"


def told_by(program, *arguments):
    """Run a program of tests/clients; gives the JSON that it prints."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements/clients.txt: make .venv/clients/.done")
    environ = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [PYTHON, REPO / "tests" / "clients" / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
