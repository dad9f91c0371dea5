"""The command `python -m benchmarks.release VERSION`: what a release is worth, and whether less than the last one.

Accuracy and calibration of each shipped model are those of its manifest, measured with its int8 file on test images;
the sample of tests/data shows that the file answers so today. Speed is that of this checkout over the last release's,
both served side by side in one run. Writes releases/VERSION.json; the exit status is 1 where something fell too far.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.folders import ROOT
from benchmarks.plan import Plan
from benchmarks.service import StartFailed
from benchmarks.spread import median_interval
from benchmarks.versus import checkout, find_revision, measure
from benchmarks.wrk import WrkMissing
from models.measuring.metrics import measure as measure_answers
from models.runtime import load_runtime
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS
from training.data import encode_png
from training.dataset import Split
from training.evaluate import predict

RELEASES = ROOT / "releases"
SAMPLE, SAMPLED_MODEL = ROOT / "tests" / "data" / "cifar10_sample.npz", "cifar10"
MAX_ACCURACY_DROP = 0.005  # as optimize's gate allows a compression
MAX_ECE_RISE = 0.01
MIN_SPEED = 0.97  # of the last release; one is slower where the whole interval of the median is below it
MIN_SURE_SPEED = 0.9  # what a busy machine cannot tell from less than this was not measured

Models = Mapping[str, Mapping[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, compare, write, and say what fell; returns 0, or 1 where something did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.release", description=__doc__)
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--rounds", type=int, default=40, help="of load, for the speed")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    arguments = parser.parse_args(argv)
    last = last_release(RELEASES, arguments.version)
    if last is not None and find_revision(tag := f"v{last['version']}") is None:
        parser.error(f"git knows no tag {tag} to compare the speed with; git fetch --tags brings it")
    models = {**shipped_models(), "sample": sample_figures()}
    speed: list[Figure] = []
    if last is not None:
        try:
            with checkout(tag) as folder:
                speed = measure(folder, tag, Plan(rounds=arguments.rounds, load_s=1.5))
        except (StartFailed, WrkMissing) as error:
            parser.exit(2, f"python -m benchmarks.release: the speed could not be measured: {error}\n")
    faults = fallen(models, last["models"], speed) if last is not None else []
    document = {
        "version": arguments.version,
        "last": last and last["version"],
        "machine": machine.describe(),
        "models": models,
        "speed": [figure.to_dict() for figure in speed],
    }
    if not faults and not arguments.dry_run:
        RELEASES.mkdir(exist_ok=True)
        (RELEASES / f"{arguments.version}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{arguments.version} against {last['version'] if last else 'nothing, for it is the first release'}")
    for name, figures in models.items():
        print(f"  {name}: top-1 {figures['top1']:.2%}, calibration error {figures['ece']:.4f}")
    for figure in speed:
        print(f"  {figure.what}: {figure.value:.3f}, {figure.note}")
    for fault in faults:
        print(f"python -m benchmarks.release: {fault}", file=sys.stderr)
    return 1 if faults else 0


def last_release(folder: Path, version: str) -> dict[str, Any] | None:
    """Read the figures of the newest release before a version; None: there is none."""
    numbers = {_number(path.stem): path for path in folder.glob("*.json")}
    before = [number for number in numbers if number < _number(version)]
    found: dict[str, Any] | None = json.loads(numbers[max(before)].read_text()) if before else None
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def shipped_models() -> dict[str, dict[str, Any]]:
    """Take from the manifests how good the models are that the server begins with."""
    repository, found = Repository(SHIPPED_MODELS), {}
    for name in repository.names():
        manifest = repository.load(name).manifest
        metrics = manifest.metrics[manifest.formats["litert"].precision]
        found[name] = {"version": manifest.version, **{each: metrics[each] for each in ("num_images", "top1", "ece")}}
    return found


def sample_figures() -> dict[str, Any]:
    """Measure the sample's model on the sample, by the code that serves it."""
    artifact = Repository(SHIPPED_MODELS).load(SAMPLED_MODEL)
    with np.load(SAMPLE) as arrays:
        images, targets = arrays["images"], arrays["targets"]
    split = Split(targets, lambda index: encode_png(images[index]))
    with closing(load_runtime(artifact, num_threads=1)) as runtime:
        metrics = measure_answers(predict(runtime, split, artifact.manifest.pixels), targets)
    return {"version": artifact.manifest.version, "num_images": len(targets), "top1": metrics.top1, "ece": metrics.ece}


def fallen(models: Models, before: Models, speed: Sequence[Figure]) -> list[str]:
    """Say in one line each what is worse than before by more than is allowed."""
    faults = [f"{name} is no longer shipped" for name in before if name not in models]
    for name in before.keys() & models.keys():
        was, now = before[name], models[name]  # what is not a number is refused, too
        if not now["top1"] >= was["top1"] - MAX_ACCURACY_DROP:
            faults.append(f"the top-1 accuracy of {name} fell from {was['top1']:.2%} to {now['top1']:.2%}")
        if not now["ece"] <= was["ece"] + MAX_ECE_RISE:
            faults.append(f"the calibration error of {name} rose from {was['ece']:.4f} to {now['ece']:.4f}")
    for figure in speed:
        if "requests/s" in figure.what:
            low, high = median_interval(figure.runs)
            if not high >= MIN_SPEED:
                wanted = f"at most {high:.3f}, and at least {MIN_SPEED} is wanted"
                faults.append(f"{figure.what}: {figure.value:.3f}, {wanted}")
            elif not low >= MIN_SURE_SPEED:
                faults.append(
                    f"{figure.what}: anything from {low:.3f} to {high:.3f}, so that it may have fallen; "
                    "measure on a machine with nothing else to do, or more --rounds"
                )
        if figure.is_met is False:
            faults.append(f"{figure.what}: {figure.value:g}, and at most {figure.at_most:g} is allowed")
    return sorted(faults)


if __name__ == "__main__":
    sys.exit(main())
