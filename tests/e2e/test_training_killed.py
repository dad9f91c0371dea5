"""A real training process, killed with SIGKILL or told to end by SIGTERM, and the same command again."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600  # far more than it takes; so that a hang ends


def start(toy_npz: Path, workdir: Path, **changes: float) -> subprocess.Popen[str]:
    arguments = ["--data", toy_npz, "--preset", "smoke", "--workdir", workdir, "--name", "toy"]
    settings = {"epochs": 3, "batch_size": 16, "width": 8, "image_px": 16, "checkpoint_every_s": 0, **changes}
    options = ["--repository", workdir.parent / "repository"]
    for name, value in settings.items():
        options += ["--set", f"{name}={value}"]
    return subprocess.Popen(
        [sys.executable, "-m", "training", *map(str, [*arguments, *options])],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.extended(covers=["training/*.py"])
def test_killed_training_goes_on_with_the_same_command(toy_npz, tmp_path):
    workdir = tmp_path / "run"
    killed = start(toy_npz, workdir)
    index = workdir / "checkpoints" / "last" / "checkpoint"
    wait_for(index, killed)
    killed.kill()
    _, errors = killed.communicate()
    assert index.exists(), errors
    assert not (tmp_path / "repository").exists()

    resumed = start(toy_npz, workdir)
    output, errors = resumed.communicate(timeout=TIMEOUT_S)
    assert resumed.returncode == 0, errors
    assert "going on from step" in errors
    assert "images/s" in errors
    assert "left" in errors
    assert "\npublished toy version 1: " in output
    history = [json.loads(line) for line in (workdir / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in history] == list(range(1, 4))
    assert history[-1]["validation_accuracy"] > 0.9


@pytest.mark.e2e
@pytest.mark.slow
def test_training_that_is_told_to_end_saves_and_says_where_it_goes_on(toy_npz, tmp_path):
    workdir = tmp_path / "pets[v1]"
    told = start(toy_npz, workdir, epochs=1000, checkpoint_every_s=1e9)
    wait_for(workdir / "checkpoints" / "best" / "checkpoint", told)
    told.terminate()
    _, errors = told.communicate(timeout=TIMEOUT_S)
    assert told.returncode == 143, errors
    *_, goes_on, stopped = errors.splitlines()
    assert stopped == "stopped by SIGTERM; the same command goes on"
    step = int(re.fullmatch(r"the same command goes on from step (\d+) of \d+", goes_on)[1])
    assert (workdir / "checkpoints" / "last" / f"ckpt-{step}.index").exists()
