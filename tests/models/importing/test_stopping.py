"""An import that is stopped ends at once, with the process that it has begun, and leaves no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_server import wait_until

from models.importing.work_folder import PREFIX, work_folder

pytestmark = pytest.mark.usefixtures("heeds_signals")

REPO = Path(__file__).resolve().parents[3]
# What the import's own process does first, and for how long nobody could wait: as TensorFlow's import does.
SLOW_IMPORT = "import os, time, pathlib; pathlib.Path('{0}').write_text(str(os.getpid())); time.sleep(600)\n"
IMPORTS = """\
import sys, models.importing.own_process as own
from models.importing.stopping import ends_by_signal
from models.importing.work_folder import work_folder
from pathlib import Path
own.ROOT = Path(sys.argv[1])
with ends_by_signal(), work_folder() as folder:
    own.run_apart("slow_job:do", {}, folder, own.Limits(seconds=60, wall_s=600))
"""


@pytest.fixture
def importing(tmp_path):
    """An import whose own process has begun to read modules, and the number of that."""
    (tmp_path / "models").symlink_to(REPO / "models")
    (tmp_path / "slow_job.py").write_text(SLOW_IMPORT.format(tmp_path / "pid.tmp"))
    (tmp_path / "temporary").mkdir()
    environ = {**os.environ, "PYTHONPATH": str(REPO), "TMPDIR": str(tmp_path / "temporary")}
    process = subprocess.Popen([sys.executable, "-c", IMPORTS, str(tmp_path)], env=environ, stderr=subprocess.PIPE)
    wait_until(lambda: (tmp_path / "pid.tmp").exists() and (tmp_path / "pid.tmp").read_text())
    yield process, int((tmp_path / "pid.tmp").read_text())
    process.kill()
    process.communicate()


def folders(tmp_path):
    return [path.name for path in (tmp_path / "temporary").iterdir()]


def is_there(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_ends_it_with_what_it_began_and_leaves_nothing(importing, tmp_path, number):
    process, child = importing
    assert [name.startswith(PREFIX) for name in folders(tmp_path)] == [True]
    process.send_signal(number)
    assert process.wait(20) in (128 + number, -number)
    wait_until(lambda: not is_there(child))
    assert folders(tmp_path) == []


def test_kill_ends_what_it_began_and_the_next_one_removes_its_folder(importing, tmp_path, monkeypatch):
    process, child = importing
    process.kill()
    process.wait(20)
    wait_until(lambda: not is_there(child))
    [left] = (tmp_path / "temporary").iterdir()
    os.utime(left, (0, 0))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with work_folder() as folder:
        assert folders(tmp_path) == [folder.name]
    assert folders(tmp_path) == []


def test_folder_that_is_in_use_or_was_just_made_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(young)
    with work_folder() as used:
        os.utime(used, (0, 0))
        with work_folder():
            pass
        assert used.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}link", f"{PREFIX}young"]
