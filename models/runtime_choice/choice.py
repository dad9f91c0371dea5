"""Chooses the runtime of a version: the fastest of those that are installed and answer as they should."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.portable.golden import GOLDEN_FILE
from models.runtime import RuntimeName, runtime_of
from models.runtime.cores import available_cores
from models.runtime.processor import CPUINFO, cpu_name, proc_field
from models.runtime_choice.installed import installed_runtimes, runtimes_for
from models.runtime_choice.kept_trials import KeptTrials
from models.runtime_choice.record import ALONE, BASELINE, NO_OTHER_FILE, RuntimeChoice, Trial
from models.runtime_choice.trial_process import LIMIT_S, ask_for_trial
from models.store.artifact import Artifact

# LiteRT serves where another is less than this much faster: it takes half the memory, and no change while it serves.
MIN_SPEED = 1.05
# Between the quartiles of the rounds; where they part by more, the machine had other work, and what seems is not kept.
MAX_SPREAD = 1.25
# They limit the instructions that a library uses.
VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")

FORMAT = "litert"

AskForTrial = Callable[..., Trial]


def choose_runtime(
    artifact: Artifact,
    *,
    folder: Path | None,
    installed: Mapping[RuntimeName, str] | None = None,
    num_cores: int | None = None,
    ask: AskForTrial = ask_for_trial,
) -> RuntimeChoice:
    """Choose by what was measured on this machine earlier, or measure now, which takes seconds.

    Args:
        artifact: verified.
        folder: where trials are kept; None for nowhere.
        installed: as `installed_runtimes` finds them, which is asked unless given.
        num_cores: None for all that this process may use.
        ask: as `ask_for_trial`.
    """
    installed = installed_runtimes() if installed is None else installed
    num_cores = num_cores or available_cores()
    if FORMAT not in artifact.manifest.formats:
        return RuntimeChoice(runtime_of(artifact, BASELINE), NO_OTHER_FILE)
    rivals = [runtime for runtime in runtimes_for(artifact, installed) if runtime != BASELINE]
    if not rivals:
        return RuntimeChoice(BASELINE, ALONE if len(installed) == 1 else NO_OTHER_FILE)
    kept = KeptTrials(folder, key_of(artifact, installed, num_cores))
    trials = kept.read()
    if not trials:
        with kept.alone(LIMIT_S * len(rivals)):
            trials = kept.read()  # of another process, that had begun before
            if not trials:
                trials = tuple(ask(artifact, rival, num_cores=num_cores) for rival in rivals)
                if all(is_clear(trial) for trial in trials):
                    kept.write(trials)
    return choose(trials)


def choose(trials: Sequence[Trial]) -> RuntimeChoice:
    """Choose by trials, at least one."""
    best = max(trials, key=lambda trial: (not why_not(trial), trial.speed))
    is_lasting = all(is_clear(trial) for trial in trials)
    if reason := why_not(best):
        return RuntimeChoice(BASELINE, reason, tuple(trials), is_lasting)
    reason = f"it was {best.speed:.2f} times as fast as {BASELINE} and agrees with {best.reference}"
    return RuntimeChoice(best.runtime, reason, tuple(trials), is_lasting)


def why_not(trial: Trial) -> str:
    """Say why a runtime is not to take LiteRT's place; "" if it is."""
    speed = f"{trial.speed:.2f} times as fast as {BASELINE}"
    if trial.fault:
        return f"{trial.runtime}{f', {speed},' if trial.speed else ''} may not serve: {trial.fault}"
    if not is_clear(trial):
        low, high = trial.speed_quartiles
        return f"{trial.runtime} was {low:.2f} to {high:.2f} times as fast in different rounds, beside other work"
    return f"{trial.runtime} was only {speed}" if trial.speed < MIN_SPEED else ""


def is_clear(trial: Trial) -> bool:
    """Tell whether a trial at another time would end alike: not where it crashed, nor where much else went on."""
    low, high = trial.speed_quartiles
    is_near = low < MIN_SPEED <= high and high > MAX_SPREAD * low
    return bool(trial.num_pictures) and (bool(trial.fault) or not is_near)


def key_of(artifact: Artifact, installed: Mapping[RuntimeName, str], num_cores: int) -> dict[str, Any]:
    """Name all that a trial depends on."""
    files, model = artifact.manifest.files, artifact.manifest.formats[FORMAT]
    flags = proc_field("flags", CPUINFO) or proc_field("Features", CPUINFO)
    onnx = artifact.manifest.formats.get("onnx")
    others = {"onnx": files.get(onnx.file)} if onnx and "onnxruntime" in installed else {}
    return others | {
        "file": files.get(model.file),
        "golden": files.get(GOLDEN_FILE),
        "processor": cpu_name(),
        "flags": hashlib.sha256(flags.encode()).hexdigest()[:16],
        "cores": num_cores,
        "libraries": dict(installed),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
