"""Real processes, which pictures end in ways that native code ends."""

import json
import os
import signal
import time

import pytest
from colours import COLOURS

from models.errors import CorruptArtifact
from models.predict import worker
from models.predict.pool import Pool, WorkersFailed
from models.predict.rows import Rows
from models.predict.worker import InHand

EXPECTED = [(f"{number:02}.png", list(COLOURS)[number % 3], None) for number in range(30)]


def run(job, *, first=0, num_workers=2):
    pool = Pool(job, num_workers=num_workers)
    rows, num_errors = [], 0
    try:
        for answered in pool.answers(first, len(job.pictures.names)):
            rows += [json.loads(line) for line in answered.text.splitlines()]
            num_errors += answered.num_errors
    finally:
        pool.close()
        pool.close()
    assert num_errors == sum(row["error"] is not None for row in rows)
    return [(row["file"], row["label"], row["error"]) for row in rows]


@pytest.fixture
def json_job(job):
    return job(rows=Rows(job().artifact.manifest, 1, None, "jsonl"))


@pytest.fixture
def at_picture(monkeypatch):
    """Have something done in the process that begins to decode a picture, or to run the model on it."""

    def at(number, do, method="note_decoded"):
        genuine = getattr(InHand, method)

        def note(in_hand, *arguments):
            genuine(in_hand, *arguments)
            if in_hand.number == number:
                do()

        monkeypatch.setattr(InHand, method, note)

    return at


def end_by(signal_number):
    return lambda: os.kill(os.getpid(), signal_number)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_answers_come_in_order_from_any_picture_on(json_job, num_workers):
    assert run(json_job, num_workers=num_workers) == EXPECTED
    assert run(json_job, first=17, num_workers=num_workers) == EXPECTED[17:]


def test_a_task_may_be_answered_in_pieces(json_job, at_picture, monkeypatch):
    monkeypatch.setattr(worker, "REPLY_S", 0.0)
    at_picture(5, end_by(signal.SIGSYS))
    without_05 = [row for row in EXPECTED if row[0] != "05.png"]
    assert [row for row in run(json_job) if row[0] != "05.png"] == without_05


def test_a_slow_picture_does_not_change_the_order(json_job, at_picture):
    at_picture(0, lambda: time.sleep(0.3))
    assert run(json_job) == EXPECTED


@pytest.mark.parametrize(
    ("method", "end", "code"),
    [
        ("note_decoded", signal.SIGSYS, "corrupt_image"),
        ("note_decoded", signal.SIGPROF, "image_too_large"),
        ("note_decoded", signal.SIGKILL, "corrupt_image"),
        ("note_run", signal.SIGSYS, "engine_failed"),
    ],
)
def test_a_picture_that_ends_processes_is_a_row_with_its_error(json_job, at_picture, method, end, code):
    at_picture(5, end_by(end), method)
    assert run(json_job) == [
        (name, None if name == "05.png" else label, code if name == "05.png" else None) for name, label, _ in EXPECTED
    ]


def test_a_process_that_somebody_killed_costs_a_second_try(json_job, at_picture, tmp_path):
    def once():
        try:
            (tmp_path / "killed").touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    at_picture(5, once)
    assert run(json_job) == EXPECTED


@pytest.mark.parametrize("limit", ["of the picture", "of its reply"])
def test_a_picture_that_computes_without_end_is_ended(json_job, monkeypatch, limit):
    def decode(*_arguments, **_options):
        while True:
            pass

    monkeypatch.setattr(worker, "decode", decode)
    if limit == "of its reply":
        monkeypatch.setattr(worker, "REPLY_CPU_S", 0.05)
    else:
        monkeypatch.setattr(worker, "USUAL_CPU_S", -1.0)
        monkeypatch.setattr(worker, "max_cpu_s", lambda _cost: 0.05)
    assert run(json_job, first=28) == [("28.png", None, "image_too_large"), ("29.png", None, "image_too_large")]


def test_a_model_that_cannot_be_loaded_ends_the_run_with_its_reason(json_job, monkeypatch):
    def refuse(*_arguments, **_options):
        raise CorruptArtifact("the model cannot be run")

    monkeypatch.setattr(worker, "load_runtime", refuse)
    with pytest.raises(WorkersFailed, match=r"^the model cannot be run$"):
        run(json_job)


def test_a_model_that_ends_the_process_ends_the_run(json_job, monkeypatch):
    monkeypatch.setattr(worker, "load_runtime", lambda *_arguments, **_options: os.kill(os.getpid(), signal.SIGSYS))
    with pytest.raises(WorkersFailed, match=r"^the process that loads the model ends, with SIGSYS$"):
        run(json_job)
