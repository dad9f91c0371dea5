"""A trial says how fast a runtime is and whether it may serve; what it does to its process harms no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tried_runtimes import Answering, trial

from models.errors import CorruptArtifact, RuntimeMissing
from models.runtime_choice import trial_process
from models.runtime_choice.record import Trial
from models.runtime_choice.timing import Timing
from models.runtime_choice.trial import try_runtime
from models.runtime_choice.trial_process import ask_for_trial


@pytest.fixture
def tried(artifact):
    """Try a runtime that gives `answer`, or fails to load, beside a LiteRT of known speed; and what was loaded."""
    loads = []

    def tried(answer=(0.7, 0.2, 0.1), error=None):
        def load(_artifact, *, runtime, weights, num_threads=1):
            assert weights is not None
            if runtime == "openvino" and error:
                raise error
            loads.append((runtime, num_threads, Answering(answer if runtime == "openvino" else (0.7, 0.2, 0.1))))
            return loads[-1][2]

        def time_in_rounds(runtimes, images):
            assert [*runtimes] == ["litert", "openvino"]
            assert len(images) == 10
            return {
                "litert": Timing((0.2, 0.2, 0.4), (0.1, 0.1, 0.2)),
                "openvino": Timing((0.1, 0.1, 0.1), (0.05, 0.025, 0.05)),
            }

        return try_runtime(artifact, "openvino", num_cores=2, load=load, time_in_rounds=time_in_rounds)

    tried.loads = loads
    return tried


def test_trial_tells_speed_and_agreement(tried):
    found = tried()
    assert found.fault == ""
    assert found.speed == pytest.approx(8**0.5)
    assert found.speed_quartiles == pytest.approx(((2 + 8**0.5) / 2, (8**0.5 + 4) / 2))
    assert (found.lone_ms, found.images_per_s) == (pytest.approx((200, 100)), pytest.approx((10, 20)))
    assert (found.num_same_label, found.num_pictures, found.distance) == (10, 10, 0.0)
    assert found.reference == "LiteRT's"


def test_runtimes_are_loaded_as_an_engine_does_and_freed(tried):
    tried()
    loads = [(runtime, threads) for runtime, threads, _ in tried.loads]
    assert loads == [(name, threads) for name in ("litert", "openvino") for threads in (2, 1, 1)]
    assert {runtime.num_closed for _, _, runtime in tried.loads} == {1}


def test_other_answers_are_a_fault_however_fast_they_come(tried):
    found = tried(answer=(0.2, 0.7, 0.1))
    assert found.fault == "10 of 10 pictures get another label"
    assert (found.num_same_label, found.speed) == (0, pytest.approx(8**0.5))


@pytest.mark.parametrize("error", [RuntimeMissing("it is not installed"), CorruptArtifact("it cannot be loaded")])
def test_runtime_that_cannot_be_loaded_is_a_fault(tried, error):
    assert tried(error=error) == Trial("openvino", fault=str(error))


def test_json_form_is_read_back():
    found = trial(lone_ms=(3.0, 2.0))
    assert Trial.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("changes", [{"speed": float("nan")}, {"lone_ms": [1.0]}, {"unknown": 1}, {"runtime": "other"}])
def test_what_is_no_trial_is_refused(changes):
    with pytest.raises((TypeError, ValueError)):
        Trial.from_dict({**trial().to_dict(), **changes})


# The process that is started does something else instead of its work.
@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import os; os.kill(os.getpid(), 11)", "it ended the process that tried it (SIGSEGV)"),
        ("import time; time.sleep(60)", "it was not done after 0.3 s"),
        ("raise SystemExit('no memory')", "trying it failed: no memory"),
        ("print('{')", "trying it failed: it said nothing"),
    ],
)
def test_process_that_fails_is_a_fault_of_the_runtime(artifact, monkeypatch, code, fault):
    run = trial_process.subprocess.run
    monkeypatch.setattr(
        trial_process.subprocess, "run", lambda _command, **options: run([sys.executable, "-c", code], **options)
    )
    limit_s = 0.3 if "sleep" in code else 60
    assert ask_for_trial(artifact, "openvino", num_cores=1, limit_s=limit_s) == Trial("openvino", fault=fault)


def test_file_that_litert_cannot_run_says_so(artifact):
    found = ask_for_trial(artifact, "openvino", num_cores=1)
    assert found.fault == "trying it failed: model.tflite cannot be loaded by LiteRT"


def test_trial_ends_where_nobody_waits_for_it_any_more(artifact):
    job = {"path": str(artifact.path), "runtime": "openvino", "num_cores": 1, "asked_by": os.getppid()}
    command = [sys.executable, "-m", trial_process.MODULE]
    ended = subprocess.run(command, input=json.dumps(job), cwd=trial_process.ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
