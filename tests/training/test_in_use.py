import re
import subprocess
import sys

import pytest
from waiting import SOON_S

from training.in_use import alone_in


def test_second_command_in_a_folder_is_refused_until_the_first_has_ended(tmp_path):
    workdir = tmp_path / "runs" / "pets"
    with alone_in(workdir):
        line = re.escape(f"another command is at work in {workdir}: wait until it has")
        with pytest.raises(ValueError, match=line), alone_in(workdir):
            pass
        with alone_in(tmp_path / "runs" / "others"):
            pass
    with alone_in(workdir):
        assert list(workdir.iterdir()) == []
    assert not workdir.exists()
    with alone_in(workdir):
        (workdir / "run.json").touch()
    assert (workdir / "run.json").exists()


def test_command_that_was_killed_holds_nothing(tmp_path):
    killed = "import os, sys; from pathlib import Path; from training.in_use import alone_in\n"
    killed += "with alone_in(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False, timeout=SOON_S).returncode == -9
    with alone_in(tmp_path):
        pass


def test_what_a_command_that_was_killed_left_half_done_is_removed(tmp_path):
    (tmp_path / ".tmp-float32.tflite").write_bytes(b"half")
    (tmp_path / ".tmp-0123").mkdir()
    (tmp_path / ".tmp-0123" / "model").touch()
    (tmp_path / "float32.tflite").write_bytes(b"whole")
    with alone_in(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["float32.tflite"]
