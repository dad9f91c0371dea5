"""What becomes of a process that reads a foreign file is told, and ends nothing else."""

from pathlib import Path

import pytest

from models.importing.own_process import Limits, run_apart
from models.importing.refused import ForeignModelRefused

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a job whose body is given, as a module of its own."""
    monkeypatch.setattr("models.importing.own_process.ROOT", tmp_path)
    (tmp_path / "models").symlink_to(REPO / "models")

    def run(body, *, seconds=10, wall_s=200):
        (tmp_path / "foreign_job.py").write_text(f"import os, time\ndef do(job):\n    {body}\n")
        limits = Limits(seconds=seconds, wall_s=wall_s, memory_bytes=256 * 1024**2, file_bytes=1024**2)
        return run_apart("foreign_job:do", {"number": 7}, tmp_path, limits)

    return run


def test_an_answer_comes_back(run):
    assert run("print('noise'); return {'double': 2 * job['number']}") == {"double": 14}


def test_it_runs_in_its_folder_without_our_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("OPSIN_ADMIN_TOKEN", "secret")
    found = run("return {'cwd': os.getcwd(), 'home': os.environ['HOME'], 'names': sorted(os.environ)}")
    assert (found["cwd"], found["home"]) == (str(tmp_path), str(tmp_path))
    assert "OPSIN_ADMIN_TOKEN" not in found["names"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os.abort()", r"ended the process that did so \(SIGABRT\)"),
        ("raise KeyError('odd')", "reading and running it failed: KeyError: 'odd'"),
        ("bytearray(10**9)", "it takes more than the 256 MB of memory that it may"),
        ("open('large', 'wb').write(bytes(2**21))", "File too large"),
        ("os._exit(0)", "reading and running it failed: it said nothing"),
    ],
)
def test_any_other_end_is_told_in_a_line(run, body, reason):
    with pytest.raises(ForeignModelRefused, match=reason):
        run(body)


def test_what_computes_or_waits_for_too_long_is_ended(run):
    with pytest.raises(ForeignModelRefused, match="took more than 1 s or too much memory"):
        run("\n    while True: pass", seconds=1)
    with pytest.raises(ForeignModelRefused, match="it was not read and run within 1 s"):
        run("time.sleep(60)", wall_s=1)
