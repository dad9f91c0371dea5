"""`python -m training --strategy multi-worker` in processes: one is killed; they differ; a batch does not divide."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from toy_data import write_npz

from training.history import read_history

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600  # far more than it takes; so that a hang ends
TOLERANCE = 1e-5  # see tests/training/distributed/test_curves.py
SETTINGS = {"epochs": 5, "batch_size": 16, "width": 8, "image_px": 16, "checkpoint_every_s": 0}

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.extended(
        covers=["training/distributed/*.py", "training/loop.py", "training/step.py", "training/checkpoints.py"]
    ),
]


class Workers:
    """Workers of one training on this machine, each with a folder of its own but for the run of the chief."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
            self.addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        self.started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, index: int, data: Path, **changes: object) -> subprocess.Popen[bytes]:
        task = {"cluster": {"worker": self.addresses}, "task": {"type": "worker", "index": index}}
        words = ["--data", data, "--preset", "smoke", "--workdir", self.workdir(index), "--name", "toy"]
        words += ["--repository", self.folder / "repository", "--strategy", "multi-worker"]
        for name, value in {**SETTINGS, **changes}.items():
            words += ["--set", f"{name}={value}"]
        with (self.folder / f"{index}.out").open("w") as out, (self.folder / f"{index}.err").open("w") as errors:
            self.started[index] = subprocess.Popen(
                [sys.executable, "-m", "training", *map(str, words)],
                cwd=REPO,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CONFIG": json.dumps(task)},
                stdout=out,
                stderr=errors,
            )
        return self.started[index]

    def workdir(self, index: int) -> Path:
        return self.folder / f"worker{index}" / "run"

    def ended(self) -> list[int]:
        """The exit codes of all."""
        return [process.wait(TIMEOUT_S) for _, process in sorted(self.started.items())]

    def said(self, index: int) -> str:
        return (self.folder / f"{index}.out").read_text() + (self.folder / f"{index}.err").read_text()


@pytest.fixture
def workers(tmp_path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    for process in made.started.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def alone(toy_npz, tmp_path_factory) -> Path:
    """The run of one process, with the batch of both."""
    folder = tmp_path_factory.mktemp("alone")
    words = ["--data", toy_npz, "--preset", "smoke", "--workdir", folder / "run", "--init", "none"]
    for name, value in SETTINGS.items():
        words += ["--set", f"{name}={value}"]
    command = [sys.executable, "-m", "training", *map(str, [*words, "--repository", folder / "repository"])]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True, timeout=TIMEOUT_S)
    return folder / "run"


@pytest.mark.parametrize(("killed", "how"), [(1, signal.SIGKILL), (0, signal.SIGKILL), (1, signal.SIGSTOP)])
def test_worker_that_is_gone_is_named_and_all_go_on_to_the_end_of_one_process(workers, toy_npz, alone, killed, how):
    chief, _ = (workers.start(index, toy_npz) for index in range(2))
    saved, deadline_s = workers.workdir(0) / "checkpoints" / "last" / "checkpoint", time.monotonic() + TIMEOUT_S
    while not saved.exists() and chief.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    os.kill(workers.started[killed].pid, how)
    other = 1 - killed
    assert workers.started[other].wait(TIMEOUT_S) == 1, workers.said(other)
    line = f"python -m training: worker {killed} ({workers.addresses[killed]}) has ended or does not answer; its own"
    assert line in workers.said(other)
    assert "Traceback" not in workers.said(other)
    workers.started[killed].kill()
    workers.ended()
    assert not (workers.folder / "repository").exists()

    for index in range(2):
        workers.start(index, toy_npz)
    assert workers.ended() == [0, 0], workers.said(0) + workers.said(1)
    assert "going on from step" in workers.said(0)
    assert "published toy version 1: " in workers.said(0)
    assert "worker 1 has taken its part of all steps, and worker 0 has published the model" in workers.said(1)
    assert not workers.workdir(1).exists()
    found, expected = read_history(workers.workdir(0)), read_history(alone)
    assert [record.epoch for record in found] == [record.epoch for record in expected] == list(range(1, 6))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=TOLERANCE)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=TOLERANCE)


def test_workers_with_different_data_all_refuse_and_write_nothing(workers, toy_npz, tmp_path):
    other = write_npz(tmp_path / "other.npz", num_train=111)
    for index, data in enumerate((toy_npz, other)):
        workers.start(index, data)
    assert workers.ended() == [2, 2], workers.said(0) + workers.said(1)
    for index in range(2):
        assert "the workers differ in their data: worker 1 from worker 0; start all with" in workers.said(index)
    assert not workers.workdir(0).exists()


def test_batch_that_does_not_divide_is_refused_with_those_that_do(workers, toy_npz):
    for index in range(2):
        workers.start(index, toy_npz, batch_size=15)
    assert workers.ended() == [2, 2], workers.said(0) + workers.said(1)
    line = "a batch of 15 images cannot be divided evenly among 2 devices: give --set batch_size=14 or 16"
    assert line in workers.said(0)
    assert line in workers.said(1)
    assert not workers.workdir(0).exists()


def test_worker_whose_port_is_taken_says_so(workers, toy_npz):
    host, _, port = workers.addresses[0].rpartition(":")
    with socket.create_server((host, int(port))):
        assert workers.start(0, toy_npz).wait(TIMEOUT_S) == 1
    line = (
        f"python -m training: worker 0 cannot listen on port {port}, which TF_CONFIG gives it: Address already in use; "
    )
    assert line in workers.said(0)
    assert "Traceback" not in workers.said(0)
