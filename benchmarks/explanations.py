"""`python -m benchmarks.explanations MODEL PHOTOS`: whether explanations show what matters, and what they cost.

Of each photo a fifth is deleted where the map of its label is hottest, and a fifth at random; the table says how much
of the label's probability is lost. Then times, each beside that without it, in rounds: the model with its feature maps
as an output, in process; and requests that ask for an explanation, over HTTP.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks import machine
from benchmarks.connection import Connection
from benchmarks.deletion import FRACTION, WAYS, Drops, drops_of, mean_interval
from benchmarks.figures import Figure, ratio_figure, table
from benchmarks.service import opsin
from benchmarks.workload import Workload, photo_request
from models.explanation.explainable_file import ExplainableFile, open_explainable
from models.pixels.preprocessing import preprocess
from models.predict.pictures import open_pictures
from models.runtime import load_runtime
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
    print(deletion_table(lost_by_deletion(artifact, explainable, photos)))
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


def lost_by_deletion(
    artifact: Artifact, explainable: ExplainableFile, photos: Sequence[bytes]
) -> Sequence[Mapping[str, Drops]]:
    """Measure each photo."""
    generator = np.random.default_rng(0)
    spec = artifact.manifest.pixels
    with SharedWeights() as weights:
        runtime = load_runtime(artifact, weights=weights, explainable=explainable)
    drops = [
        drops_of(runtime, explainable.head, preprocess(photo, spec), spec, generator)  # type: ignore[arg-type]
        for photo in photos
    ]
    runtime.close()
    return drops


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
    times = in_rounds(calls, rounds)
    return ratio_figure("the model with its feature maps as an output", times["with"], times["without"])


def times_over_http(artifact: Artifact, photos: Sequence[bytes], rounds: int) -> list[Figure]:
    """Time requests that want something told over those that want nothing."""
    workload = Workload("explanations", SHIPPED_MODELS, artifact, tuple(photos))
    with opsin(workload) as service, Connection(service.port) as connection:
        paths = {"nothing": "/predict", **{name: f"/predict?{query}" for name, query in QUERIES.items()}}
        requests = {name: [photo_request(photo, path=path) for photo in photos] for name, path in paths.items()}
        calls = {name: [lambda r=r: connection.ask(r) for r in some] for name, some in requests.items()}
        times = in_rounds(calls, rounds)
    return [ratio_figure(f"a request with {name}", times[name], times["nothing"], at_most=1.1) for name in QUERIES]


def in_rounds(calls: Mapping[str, Sequence[Callable[[], object]]], rounds: int) -> dict[str, list[float]]:
    """Make all calls of each kind in each round, in an order drawn anew; returns the ms of one, round by round."""
    order = random.Random(0)  # noqa: S311 - no secret
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name in order.sample(list(calls), len(calls)):
            started = time.perf_counter()
            for call in calls[name]:
                call()
            if number:  # the first warms up
                times[name].append(1000 * (time.perf_counter() - started) / len(calls[name]))
    return times


if __name__ == "__main__":
    sys.exit(main())
