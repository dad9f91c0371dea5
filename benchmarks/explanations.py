"""`python -m benchmarks.explanations MODEL PHOTOS`: whether explanations show what matters, and what they cost.

Of each photo a fifth is deleted where the map of its label is hottest, and a fifth at random; the table says how much
of the label's probability is lost. Photos are put side by side, too, to see if the map of a label points at its photo.
Then times, each over that without it, in rounds: CPU time of the model with its feature maps as an output, in process;
and of requests that ask for an explanation, over HTTP.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from benchmarks import machine
from benchmarks.connection import Connection
from benchmarks.deletion import FRACTION, WAYS, Drops, drops_of, mean_interval
from benchmarks.figures import Figure, ratio_figure, table
from benchmarks.service import opsin
from benchmarks.two_objects import pointed_right
from benchmarks.workload import Workload, photo_request
from models.explanation.explainable_file import ExplainableFile, open_explainable
from models.pixels.preprocessing import preprocess
from models.predict.pictures import open_pictures
from models.runtime import ExplainableRuntime, load_runtime
from models.runtime.shared_weights import SharedWeights
from models.store.artifact import Artifact
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

MAX_PHOTO_BYTES = 64 * 1024**2
CALLS = 8  # of each in a round
QUERIES = {
    "numbers": "explain=true&explain_format=numbers",
    "heat map": "explain=true",
    "embedding": "embedding=true",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explanations", description=__doc__)
    parser.add_argument("model", help="of the shipped ones")
    parser.add_argument("photos", help="a folder or zip file")
    parser.add_argument("--within", default="", help="take only files with this in their path, such as /val/")
    parser.add_argument("--num-photos", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args(argv)
    artifact = Repository(SHIPPED_MODELS).load(arguments.model)
    explainable = open_explainable(artifact.model_path("litert"))
    if explainable is None:
        parser.error(f"{arguments.model} cannot be explained")
    photos = read_photos(arguments.photos, arguments.within, arguments.num_photos)
    print(f"{artifact.manifest.reference}, {len(photos)} photos; {machine.in_words(machine.describe())}\n")
    print(what_maps_show(artifact, explainable, photos))
    few = photos[:CALLS]
    figures = [time_of_output(artifact, explainable, few, arguments.rounds)]
    figures += times_over_http(artifact, few, arguments.rounds)
    print(table(figures))
    return 0


def read_photos(source: str, within: str, most: int) -> list[bytes]:
    """Read some of the files, drawn at random, always the same."""
    pictures = open_pictures(source)
    chosen = [number for number, name in enumerate(pictures.names) if within in name and not name.endswith(".json")]
    order = np.random.default_rng(0).permutation(len(chosen))[:most]
    return [pictures.read(chosen[number], MAX_PHOTO_BYTES) for number in sorted(order)]


def what_maps_show(artifact: Artifact, explainable: ExplainableFile, photos: Sequence[bytes]) -> str:
    """Delete what they say matters from each photo, and put each beside another; in words and a table."""
    spec, random = artifact.manifest.pixels, np.random.default_rng(0)
    pictures = [preprocess(photo, spec) for photo in photos]
    with SharedWeights() as weights:
        runtime = cast(ExplainableRuntime, load_runtime(artifact, weights=weights, explainable=explainable))
    drops = [drops_of(runtime, explainable.head, picture, spec, random) for picture in pictures]
    pointed = pointed_right(runtime, explainable.head, pictures, random)
    runtime.close()
    share, low, high = mean_interval(pointed)
    two = f"of two photos side by side, the map of each one's label is highest in its half: {share:.1%}"
    return f"{deletion_table(drops)}\n{two} ({low:.1%} to {high:.1%}) of {len(pointed)}\n"


def deletion_table(drops: Sequence[Mapping[str, Drops]]) -> str:
    """Write what was lost."""
    lines = [
        f"| {FRACTION:.0%} of the pixels | hottest | anywhere | hottest less anywhere (95 %) | hottest loses more |",
        "|---|---|---|---|---|",
    ]
    for way in WAYS:
        hot, other = (np.array([getattr(each[way], name) for each in drops]) for name in Drops._fields)
        mean, low, high = mean_interval((hot - other).tolist())
        lines.append(
            f"| {way} | {hot.mean():.3f} | {other.mean():.3f} | {mean:.3f} ({low:.3f} to {high:.3f}) | "
            f"{(hot > other).mean():.0%} |"
        )
    return "\n".join(lines) + "\n"


def time_of_output(artifact: Artifact, explainable: ExplainableFile, photos: Sequence[bytes], rounds: int) -> Figure:
    """Time the model with its feature maps as an output over the model as it is on disk, on one core."""
    inputs = [preprocess(photo, artifact.manifest.pixels)[None] for photo in photos]
    with SharedWeights() as weights:
        runtimes = {
            name: load_runtime(artifact, weights=weights, explainable=file)
            for name, file in (("with", explainable), ("without", None))
        }
    calls = {name: [lambda x=x, run=each.run: run(x) for x in inputs] for name, each in runtimes.items()}
    times = in_rounds(calls, rounds, lambda: (time.process_time(),))
    return ratio_figure(
        "CPU time of the model with its feature maps as an output",
        times["with"][:, 0].tolist(),
        times["without"][:, 0].tolist(),
    )


def times_over_http(artifact: Artifact, photos: Sequence[bytes], rounds: int) -> list[Figure]:
    """Time requests that want something told over those that want nothing."""
    workload = Workload("explanations", SHIPPED_MODELS, artifact, tuple(photos))
    with opsin(workload) as service, Connection(service.port) as connection:
        paths = {"nothing": "/predict", **{name: f"/predict?{query}" for name, query in QUERIES.items()}}
        requests = {name: [photo_request(photo, path=path) for photo in photos] for name, path in paths.items()}
        calls = {name: [lambda r=r: connection.ask(r) for r in some] for name, some in requests.items()}
        pids = service.pids()
        times = in_rounds(calls, rounds, lambda: (time.perf_counter(), cpu_s(pids)))
    return [
        ratio_figure(
            f"{what} a request with {name}", own[:, clock].tolist(), times["nothing"][:, clock].tolist(), at_most=1.1
        )
        for clock, what in enumerate(("time of", "CPU time of"))
        for name, own in times.items()
        if name != "nothing"
    ]


def in_rounds(
    calls: Mapping[str, Sequence[Callable[[], object]]], rounds: int, clocks: Callable[[], Sequence[float]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Make all calls of each kind in each round, in an order drawn anew; returns the ms of one, by round and clock."""
    order = random.Random(0)  # noqa: S311 - no secret
    times: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name in order.sample(list(calls), len(calls)):
            started = np.array(clocks())
            for call in calls[name]:
                call()
            times[name].append(1000 * (np.array(clocks()) - started) / len(calls[name]))
    return {name: np.array(own[1:]) for name, own in times.items()}  # the first round warms up


def cpu_s(pids: Sequence[int]) -> float:
    """Add up the CPU time of some processes to the nanosecond, by the clocks that clock_getcpuclockid(3) names."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


if __name__ == "__main__":
    sys.exit(main())
