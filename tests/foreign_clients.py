"""Runs the official clients of protocols, in environments of their own, and gives what they were told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PYTHON = REPO / ".venv" / "clients" / "bin" / "python"  # `make test` makes it
PHOTO = REPO / "tests" / "data" / "daisy_2408024540.jpg"


def told_by_node(program, *arguments):
    """Run a program of tests/clients by Node, with the packages that were installed; gives the JSON that it prints."""
    packages = os.environ.get("OPSIN_NODE_PACKAGES", "")
    if not (node := shutil.which("node")) or not (Path(packages) / "node_modules" / "@huggingface").is_dir():
        pytest.skip("needs Node, and in OPSIN_NODE_PACKAGES a folder with @huggingface/inference (docs/testing.md)")
    return run_client([node, REPO / "tests" / "clients" / program, *arguments], cwd=packages)


def told_by(program, *arguments):
    """Run a program of tests/clients; gives the JSON that it prints."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements/clients.txt: make .venv/clients/.done")
    return run_client([PYTHON, REPO / "tests" / "clients" / program, *arguments])


def run_client(command, **options):
    environ = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
