"""The command `python -m benchmarks.before_fine_tuning --workdir RUN`: what pruning costs before any fine-tuning.

The same channels are removed, and as many zeros made, with and without what makes up for them; batch normalizations'
statistics are estimated anew in both. Accuracy is that of the float32 model on all test images. Needs the train
environment and a finished run, such as the shipped model's (`python -m training.restore`); writes
benchmarks/results/before_fine_tuning.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tf_keras as keras

from benchmarks import machine
from benchmarks.folders import RESULTS
from optimize.channels.groups import channel_groups, layer_costs
from optimize.channels.importance import channel_importance
from optimize.channels.narrowing import narrow
from optimize.channels.plan import plan_channels
from optimize.channels.prune import NUM_IMPORTANCE_BATCHES
from optimize.channels.refitting import refit
from optimize.channels.removal import Batch, macs_of
from optimize.layer_inputs import input_moments
from optimize.magnitude.one_shot import make_zeros
from optimize.magnitude.pruning import MagnitudePruner
from optimize.settings import MagnitudePruning
from optimize.source import Source, open_source
from optimize.training_sample import (
    NUM_MOMENTS_BATCHES,
    NUM_STATISTICS_BATCHES,
    drawn_batches,
    reestimate_batch_norms,
)
from training.architecture import rebuilt
from training.dataset import Pixels
from training.pixel_sets import PixelSets, pixel_sets
from training.step import Validation

PARTS_OF_MACS = (0.7, 0.5, 0.35)
ZEROS: dict[str, dict[str, Any]] = {
    "80 % of the weights zero": {"sparsity": 0.8},
    "two zeros in every four weights": {"pattern": "2:4"},
}


@dataclass(frozen=True, slots=True)
class Row:
    """Accuracy of two models of one shape, in [0, 1].

    Attributes:
        what: was removed.
        plain: with the other weights as they were; of zeros, those of the smallest weights.
        made_up_for: with the weights that bring outputs back; of zeros, those that cost least then.
    """

    what: str
    plain: float
    made_up_for: float


def main() -> int:
    """Measure and write; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before_fine_tuning", description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True, help="folder of a finished run")
    workdir = parser.parse_args().workdir
    source = open_source(workdir, None)
    measured = _Measured(source, pixel_sets(source.data, source.run.config, workdir))
    rows = []
    for row in measured.rows():
        print(row, file=sys.stderr, flush=True)
        rows.append(row)
    shown = _table(measured.accuracy_of(source.model), rows)
    document = {"machine": machine.describe(), "model": source.published, "rows": [asdict(row) for row in rows]}
    (RESULTS / "before_fine_tuning.json").write_text(json.dumps(document, indent=1) + "\n")
    (RESULTS / "before_fine_tuning.md").write_text(shown)
    print(shown)
    return 0


class _Measured:
    """Makes the models and counts their right labels."""

    def __init__(self, source: Source, images: PixelSets) -> None:
        self._source, self._images = source, images

    def rows(self) -> Iterator[Row]:
        """One after another: each takes a minute or more."""
        yield from self._without_channels()
        for what, options in ZEROS.items():
            yield Row(what, self._smallest_zero(MagnitudePruning(**options)), self._zero_one_shot(options))

    def accuracy_of(self, model: keras.Model) -> float:
        """On all test images, in [0, 1]."""
        return Validation(model, self._images.validation, self._images.validation_targets)()[1]

    def _without_channels(self) -> Iterator[Row]:
        model, architecture = self._source.model, self._source.require_resnet("removing channels")
        groups = channel_groups(model)
        importance = channel_importance(model, groups, self._batches(NUM_IMPORTANCE_BATCHES))
        moments = input_moments(
            model, self._pixels(NUM_MOMENTS_BATCHES), sorted({name for group in groups for name in group.consumers})
        )
        for part in PARTS_OF_MACS:
            plan = plan_channels(groups, layer_costs(model, groups), importance, max_macs=part * macs_of(model))
            plain, refitted = (narrow(model, architecture, groups, plan.kept) for _ in range(2))
            refit(refitted, model, groups, plan.kept, moments)
            yield Row(
                f"channels, {part:g} of the multiply-accumulates left", self._finished(plain), self._finished(refitted)
            )

    def _smallest_zero(self, pruning: MagnitudePruning) -> float:
        model = self._copy()
        pruner = MagnitudePruner(model, pruning, num_steps=1)
        pruner.before_step(0)
        return self._finished(model)

    def _zero_one_shot(self, options: Mapping[str, Any]) -> float:
        model = self._copy()
        make_zeros(model, MagnitudePruning(one_shot=True, **options), self._pixels(NUM_MOMENTS_BATCHES))
        return self._finished(model)

    def _finished(self, model: keras.Model) -> float:
        reestimate_batch_norms(model, self._pixels(NUM_STATISTICS_BATCHES))
        return self.accuracy_of(model)

    def _copy(self) -> keras.Model:
        return rebuilt(self._source.architecture, self._source.model)

    def _pixels(self, num_batches: int) -> Iterator[Pixels]:
        return (pixels for pixels, _ in self._batches(num_batches))

    def _batches(self, num_batches: int) -> Iterator[Batch]:
        return drawn_batches(self._images, num_batches, seed=self._source.run.config.seed)


def _table(whole: float, rows: Sequence[Row]) -> str:
    cells = [
        ("removed", "as they were", "made up for"),
        ("---",) * 3,
        ("nothing", f"{whole:.2%}", f"{whole:.2%}"),
        *((row.what, f"{row.plain:.2%}", f"{row.made_up_for:.2%}") for row in rows),
    ]
    return "\n".join(f"| {' | '.join(each)} |" for each in cells) + "\n"


if __name__ == "__main__":
    sys.exit(main())
