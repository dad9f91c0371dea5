"""`python -m models.runtime_choice.trial`: tries a runtime beside LiteRT, in a process that may crash without harm.

Reads a job from standard input, a JSON object, and writes a trial to standard output. What native code does here, be it
that it ends the process, hangs, or takes all the memory, it does to nobody else: `ask_for_trial` waits for so long and
no longer, the kernel takes this process first when memory ends, and it ends with the one that asked.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.checks import one_of
from models.errors import OpsinError
from models.portable.golden import one_by_one
from models.runtime import RUNTIMES, Runtime, RuntimeName, load_runtime
from models.runtime_choice.agreement import compare, reference_for
from models.runtime_choice.timing import Loaded, Timing, time_in_rounds
from models.store.artifact import Artifact, read_artifact

BASELINE: RuntimeName = "litert"
LIMIT_S = 60.0
PR_SET_PDEATHSIG = 1  # prctl(2)
ROOT = Path(__file__).resolve().parents[2]

TimeInRounds = Callable[..., dict[str, Timing]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying one runtime beside LiteRT.

    Attributes:
        runtime: that was tried.
        fault: why it may not serve; "" where it may.
        speed: how many times as fast as LiteRT: geometric mean of both quantities, median of the rounds.
        speed_quartiles: lower and upper quartile of the rounds.
        lone_ms: one image on all cores, median; LiteRT's first.
        images_per_s: an image on each core, side by side, median; LiteRT's first.
        distance: of its probabilities from the reference's (`agreement.Agreement`).
        num_same_label: golden pictures with the reference's label.
        num_pictures: all of them.
        reference: whose answers it was compared with.
    """

    runtime: RuntimeName
    fault: str = ""
    speed: float = 0.0
    speed_quartiles: tuple[float, float] = (0.0, 0.0)
    lone_ms: tuple[float, float] = (0.0, 0.0)
    images_per_s: tuple[float, float] = (0.0, 0.0)
    distance: float = 0.0
    num_same_label: int = 0
    num_pictures: int = 0
    reference: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trial:
        """Read the JSON form; TypeError or ValueError where it is none."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        trial = cls(**fields)
        one_of(RUNTIMES, runtime=trial.runtime)
        pairs = (trial.speed_quartiles, trial.lone_ms, trial.images_per_s)
        if not all(len(pair) == 2 for pair in pairs) or not np.isfinite([trial.speed, trial.distance, *pairs[0]]).all():
            raise ValueError("a trial must have finite numbers")
        return trial

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def try_runtime(
    artifact: Artifact,
    runtime: RuntimeName,
    *,
    num_cores: int,
    load: Callable[..., Runtime] = load_runtime,
    time_in_rounds: TimeInRounds = time_in_rounds,
) -> Trial:
    """Compare a runtime's answers and time with LiteRT's.

    Args:
        artifact: whose file both run.
        runtime: to try.
        num_cores: threads of a lone image, and images side by side.
        load: as `load_runtime`.
        time_in_rounds: as `timing.time_in_rounds`.

    Raises:
        OpsinError: LiteRT cannot run the file.
    """
    with closing(_loaded(artifact, BASELINE, num_cores, load)) as baseline:
        reference = reference_for(artifact, lambda images: one_by_one(baseline.lone, images))
        try:
            tried = _loaded(artifact, runtime, num_cores, load)
        except OpsinError as error:
            return Trial(runtime, fault=str(error))
        with closing(tried):
            agreement = compare(one_by_one(tried.lone, reference.pixels), reference.probabilities)
            timings = time_in_rounds({BASELINE: baseline, runtime: tried}, reference.pixels)
    own, base = timings[runtime], timings[BASELINE]
    speeds = own.speeds(base)
    low, high = np.percentile(speeds, [25, 75])
    return Trial(
        runtime,
        fault=agreement.fault,
        speed=float(np.median(speeds)),
        speed_quartiles=(float(low), float(high)),
        lone_ms=(1000 * float(np.median(base.lone_s)), 1000 * float(np.median(own.lone_s))),
        images_per_s=(1 / float(np.median(base.side_by_side_s)), 1 / float(np.median(own.side_by_side_s))),
        distance=agreement.distance,
        num_same_label=agreement.num_same_label,
        num_pictures=agreement.num_pictures,
        reference=reference.source,
    )


def ask_for_trial(artifact: Artifact, runtime: RuntimeName, *, num_cores: int, limit_s: float = LIMIT_S) -> Trial:
    """Try a runtime in a process of its own; whatever becomes of that process stands in the trial."""
    job = {"path": str(artifact.path.resolve()), "runtime": runtime, "num_cores": num_cores}
    command = [sys.executable, "-m", __spec__.name]
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


def main() -> int:
    """Do the job that stands in standard input."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.load(sys.stdin)
    with suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries say is no answer
    try:
        artifact = read_artifact(Path(job["path"]), verify=False)
        trial = try_runtime(artifact, job["runtime"], num_cores=job["num_cores"])
    except OpsinError as error:
        print(error, file=sys.stderr)
        return 1
    with os.fdopen(answer_to, "w") as answer:
        json.dump(trial.to_dict(), answer)
    return 0


def _loaded(artifact: Artifact, runtime: RuntimeName, num_cores: int, load: Callable[..., Runtime]) -> Loaded:
    return Loaded(
        load(artifact, runtime=runtime, num_threads=num_cores),
        [load(artifact, runtime=runtime) for _ in range(num_cores)],
    )


if __name__ == "__main__":
    sys.exit(main())
