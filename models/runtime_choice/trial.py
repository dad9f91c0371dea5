"""`python -m models.runtime_choice.trial`: tries a runtime beside LiteRT, in a process that may crash without harm.

Reads a job from standard input, a JSON object, and writes a trial to standard output. What native code does here, be it
that it ends the process, hangs, or takes all the memory, it does to nobody else: whoever asked (`trial_process`) waits
for so long and no longer, the kernel takes this process first when memory ends, and it ends with the one that asked.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import OpsinError
from models.portable.golden import one_by_one
from models.runtime import Runtime, RuntimeName, load_runtime
from models.runtime.shared_weights import SharedWeights
from models.runtime_choice.agreement import compare, reference_for
from models.runtime_choice.record import BASELINE, Trial
from models.runtime_choice.timing import Loaded, Timing, time_in_rounds
from models.store.artifact import Artifact, read_artifact

PR_SET_PDEATHSIG = 1  # prctl(2)

TimeInRounds = Callable[..., dict[str, Timing]]


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


def main() -> int:
    """Do the job that stands in standard input."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.load(sys.stdin)
    if os.getppid() != job["asked_by"]:  # which ended before it could be noticed
        return 1
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
    with SharedWeights() as weights:  # as in the engine
        load_copy = partial(load, artifact, runtime=runtime, weights=weights)
        return Loaded(load_copy(num_threads=num_cores), [load_copy() for _ in range(num_cores)])


if __name__ == "__main__":
    sys.exit(main())
