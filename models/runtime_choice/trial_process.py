"""Has a runtime tried by a process of its own, and tells what became of that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from models.runtime import RuntimeName
from models.runtime_choice.record import Trial
from models.store.artifact import Artifact

LIMIT_S = 60.0
MODULE = "models.runtime_choice.trial"
ROOT = Path(__file__).resolve().parents[2]


def ask_for_trial(artifact: Artifact, runtime: RuntimeName, *, num_cores: int, limit_s: float = LIMIT_S) -> Trial:
    """Try a runtime in a process of its own; whatever becomes of that process stands in the trial."""
    path = str(artifact.path.resolve())
    job = {"path": path, "runtime": runtime, "num_cores": num_cores, "asked_by": os.getpid()}
    command = [sys.executable, "-m", MODULE]
    try:
        ended = subprocess.run(
            command, input=json.dumps(job).encode(), capture_output=True, cwd=ROOT, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Trial(runtime, fault=f"it was not done after {limit_s:g} s")
    except OSError as error:
        return Trial(runtime, fault=f"it cannot be tried: {error.strerror}")
    if ended.returncode < 0:
        return Trial(runtime, fault=f"it ended the process that tried it ({signal.Signals(-ended.returncode).name})")
    try:
        return Trial.from_dict(json.loads(ended.stdout))
    except (TypeError, ValueError):
        lines = ended.stderr.decode(errors="replace").splitlines()
        return Trial(runtime, fault=f"trying it failed: {lines[-1][:200] if lines else 'it said nothing'}")
