"""The checks of images wait for a server until it is ready, and for one that has ended not at all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def run(script, folder):
    command = [BASH, "-euo", "pipefail", "-c", f"source {REPO}/deploy/wait_until_ready.sh\n{script}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_server_that_refuses_to_start_is_noticed_at_once(tmp_path):
    found = run(
        """
        (exit 2) & server=$!
        is_running() { kill -0 "$server" 2>/dev/null; }
        client() { sleep 0.1; return 1; }
        ready_at=$(wait_until_ready)
        echo never
        """,
        tmp_path,
    )
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == "the server has ended before it was ready\n"


def test_server_that_starts_slowly_is_waited_for(tmp_path):
    found = run(
        """
        is_running() { true; }
        client() { echo "$@" >>asked; [[ $(wc --lines <asked) == 3 ]] && echo 12.5; }
        ready_at=$(wait_until_ready)
        echo "at $ready_at"
        """,
        tmp_path,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "at 12.5\n", "")
    assert (tmp_path / "asked").read_text() == "ready 5\n" * 3


def test_server_that_is_never_ready_is_given_up(tmp_path):
    found = run("is_running() { true; }; client() { SECONDS=1000; return 1; }; wait_until_ready", tmp_path)
    assert (found.returncode, found.stderr) == (1, "the server was not ready in time\n")
