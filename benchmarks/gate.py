"""The command `python -m benchmarks.gate --workdir RUN`: what the gate of `optimize` publishes, by draws of small sets.

The answers are those of the recipes' int8 files and of their dense float32 model, and of that with answers made wrong
at random. Validation images are drawn from the test images of CIFAR-10, the other images from its training images.
Needs the train environment and the run of `python -m training.restore cifar10:11`; writes
benchmarks/results/gate.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.folders import RESULTS, ROOT
from models.runtime.tensors import Probabilities
from models.store.repository import Repository
from optimize.changes import compare
from optimize.gate import Limits, judge
from optimize.line import both_likenesses
from optimize.source import Source, open_source
from training.dataset import Split, Targets
from training.measured import predict_file

ROWS = ("dense-aware", "sparse-int8", "half-int8", "two-fifths-int8", "third-int8", "tiny-int8")
PLANTED_POINTS = (1, 2)
SIZES = {30: 140, 75: 350, 400: 1900, 5000: 2000}  # validation images, and training images beside them
NUM_DRAWS = 1000
NUM_TRAIN, NUM_TEST = 2000, 5000


@dataclass(frozen=True, slots=True)
class Row:
    """How often a model is published, by the number of validation images.

    Attributes:
        name: of the model.
        lost_points: of top-1 accuracy on all test images.
        by_difference: part of the draws in which the difference alone is within the limit, as the gate once judged.
        by_gate: part of the draws in which the gate publishes it.
    """

    name: str
    lost_points: float
    by_difference: dict[int, float]
    by_gate: dict[int, float]


@dataclass(frozen=True, slots=True)
class Images:
    """A model's answers to images that no weight has learned from, and to training images."""

    unseen: Probabilities
    trained: Probabilities


def main() -> int:
    """Measure and write; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True, help="folder of the run of the shipped model")
    source = open_source(parser.parse_args().workdir, None)
    drawn = np.random.default_rng(0).permutation(len(source.data.train))[:NUM_TRAIN]
    splits = [source.data.test.subset(np.arange(NUM_TEST)), source.data.train.subset(np.sort(drawn))]
    files = {"dense-int8": Repository(ROOT / "models" / "zoo").load("cifar10").model_path("litert")}
    files |= {name: Repository(ROOT / "recipes" / "cifar10").load(name).model_path("litert") for name in ROWS}
    dense = _answers(source.dense.file, source, splits)
    models = {f"dense, {points} % wrong": _planted(dense, points) for points in PLANTED_POINTS}
    models |= {name: _answers(file, source, splits) for name, file in files.items()}
    rows = []
    for name, answers in models.items():
        rows.append(_row(name, dense, answers, splits[0].targets))
        print(rows[-1], file=sys.stderr, flush=True)
    shown = _table(rows)
    document = {"machine": machine.describe(), "num_draws": NUM_DRAWS, "rows": [asdict(row) for row in rows]}
    (RESULTS / "gate.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "gate.md").write_text(shown)
    print(shown)
    return 0


def _answers(file: Path, source: Source, splits: list[Split]) -> Images:
    return Images(*(predict_file(file, source.run, split) for split in splits))


def _planted(dense: Images, points: int) -> Images:
    """Give so many of a hundred images the answer to another one, which is nearly always wrong."""
    rng = np.random.default_rng(0)

    def some_wrong(answers: Probabilities) -> Probabilities:
        is_wrong = rng.random(len(answers)) < points / 100
        return np.where(is_wrong[:, None], np.roll(answers, answers.shape[1] // 2, axis=1), answers)

    return Images(some_wrong(dense.unseen), some_wrong(dense.trained))


def _row(name: str, dense: Images, answers: Images, targets: Targets) -> Row:
    limits, rng = Limits(), np.random.default_rng(0)
    labels = [str(number) for number in range(dense.unseen.shape[1])]
    by_difference, by_gate = dict.fromkeys(SIZES, 0), dict.fromkeys(SIZES, 0)
    for size, num_trained in SIZES.items():
        for _ in range(NUM_DRAWS):
            unseen = rng.integers(len(targets), size=size)
            trained = rng.integers(len(dense.trained), size=num_trained)
            changes = compare(dense.unseen[unseen], answers.unseen[unseen], targets[unseen])
            pairs = [(each.unseen[unseen], each.trained[trained]) for each in (dense, answers)]
            verdict = judge(changes, partial(both_likenesses, *pairs), limits, labels=labels, against="")
            by_difference[size] += -changes.top1_points <= limits.max_accuracy_drop
            by_gate[size] += verdict.is_within
    parts = ({size: count / NUM_DRAWS for size, count in counts.items()} for counts in (by_difference, by_gate))
    return Row(name, -compare(dense.unseen, answers.unseen, targets).top1_points, *parts)


def _table(rows: list[Row]) -> str:
    cells = [("model", "loss, points", *(f"{size:,} validation images" for size in SIZES)), ("---",) * (2 + len(SIZES))]
    for row in rows:
        published = [f"{row.by_gate[size]:.1%} ({row.by_difference[size]:.1%})" for size in SIZES]
        cells.append((row.name, f"{row.lost_points:.2f}", *published))
    return "\n".join(f"| {' | '.join(each)} |" for each in cells) + "\n"


if __name__ == "__main__":
    sys.exit(main())
