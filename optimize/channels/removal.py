"""Removes a model's least important channels for a budget of multiply-accumulates, or of measured time.

The weights that read them are solved again, unless only the time of the network matters.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from models.network.export import export_int8
from models.network.resnet_v2 import ResNetV2
from optimize.channels.groups import channel_groups, count_macs, layer_costs
from optimize.channels.importance import channel_importance
from optimize.channels.narrowing import narrow
from optimize.channels.plan import BudgetOutOfReach, ChannelPlan, plan_channels
from optimize.channels.refitting import refit
from optimize.cost.latency import latency_ratio
from optimize.layer_inputs import input_moments
from optimize.settings import ChannelPruning
from optimize.training_sample import NUM_MOMENTS_BATCHES

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
Batches = Iterable[Batch]

NUM_HALVINGS = 5  # of the interval in which the budget lies: to 3 % of the multiply-accumulates
NEXT_PART = 0.97  # of the multiply-accumulates, where a network takes longer than its work promised
NUM_RANGE_IMAGES = 4  # how long int8 kernels take does not depend on the ranges


def macs_of(model: keras.Model) -> int:
    """Count the multiply-accumulates of a ResNet-v2's convolutions and classifier, for one image."""
    groups = channel_groups(model)
    return count_macs(layer_costs(model, groups), {group.name: group.num_channels for group in groups})


def without_least_important(
    model: keras.Model, architecture: ResNetV2, batches: Batches, pruning: ChannelPruning, max_macs: float
) -> tuple[keras.Model, ChannelPlan]:
    """Remove channels until at most `max_macs` multiply-accumulates are left; returns the network and its channels.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        batches: training images and their targets, from which importance and the new weights are estimated.
        pruning: which channels may go.
        max_macs: for one image.
    """
    pruner = _Pruner(model, architecture, list(batches), pruning)
    plan = pruner.plan(max_macs)
    return pruner.refitted(plan), plan


def macs_for_latency(
    model: keras.Model, architecture: ResNetV2, batches: Batches, pruning: ChannelPruning, latency: float
) -> float:
    """Find how many multiply-accumulates may be left for a budget of time.

    Each network that is tried is pruned, written as an int8 file and timed on one core, in turns with the whole model.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        batches: as for `without_least_important`.
        pruning: which channels may go.
        latency: part of the time of the model's int8 file that may be left, in (0, 1).

    Returns:
        Part of the model's multiply-accumulates, in (0, 1): the largest tried that keeps within the budget.

    Raises:
        BudgetOutOfReach: none did.
    """
    dense_macs, batches = macs_of(model), list(batches)
    low, high, largest = 0.0, 1.0, None
    pruner = _Pruner(model, architecture, batches, pruning)
    with _timing(model, batches) as time_of:
        for _ in range(NUM_HALVINGS):
            middle = (low + high) / 2
            try:
                pruned = pruner.narrowed(pruner.plan(middle * dense_macs))
            except BudgetOutOfReach:
                low = middle  # what can be made is larger, and may be fast enough
                continue
            if time_of(pruned) <= latency:
                low = largest = middle
            else:
                high = middle
    if largest is None:
        raise BudgetOutOfReach(
            f"no network was found that takes {latency:g} of the time; the smallest tried had {high:.0%} of the MACs"
        )
    return largest


def within_latency(
    model: keras.Model,
    architecture: ResNetV2,
    batches: Batches,
    pruning: ChannelPruning,
    max_macs: float,
    *,
    latency: float,
    whole: keras.Model,
) -> tuple[keras.Model, ChannelPlan]:
    """Remove channels as `without_least_important` does, and more until an image takes no longer than it may.

    The same work takes more or less time by where it is: what `macs_for_latency` found for one network is not yet the
    time of another, such as the one that is left after a round of fine-tuning.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        batches: as for `without_least_important`.
        pruning: which channels may go.
        max_macs: to begin with.
        latency: part of the time of `whole` that may be left, in (0, 1).
        whole: the model that the budget is a part of.

    Raises:
        BudgetOutOfReach: no network is so fast.
    """
    batches = list(batches)
    pruner = _Pruner(model, architecture, batches, pruning)
    with _timing(whole, batches) as time_of:
        while True:
            plan = pruner.plan(max_macs)
            if time_of(pruner.narrowed(plan)) <= latency:
                return pruner.refitted(plan), plan
            max_macs = NEXT_PART * min(max_macs, plan.macs)


class _Pruner:
    """Makes networks of any budget from one model; the importance of its channels is estimated once for all of them."""

    def __init__(
        self, model: keras.Model, architecture: ResNetV2, batches: Sequence[Batch], pruning: ChannelPruning
    ) -> None:
        self._model, self._architecture, self._batches, self._pruning = model, architecture, batches, pruning
        self._groups = channel_groups(model)
        self._layer_costs = layer_costs(model, self._groups)
        self._importance = channel_importance(model, self._groups, batches)

    def plan(self, max_macs: float) -> ChannelPlan:
        """Plan which channels stay for at most so many multiply-accumulates."""
        return plan_channels(
            self._groups,
            self._layer_costs,
            self._importance,
            max_macs=max_macs,
            multiple_of=self._pruning.multiple_of,
            with_streams=self._pruning.with_streams,
        )

    def narrowed(self, plan: ChannelPlan) -> keras.Model:
        """Build the network of a plan, with its weights as they were."""
        return narrow(self._model, self._architecture, self._groups, plan.kept)

    def refitted(self, plan: ChannelPlan) -> keras.Model:
        """Build the network of a plan, with weights that make up for the removed channels."""
        narrower = self.narrowed(plan)
        consumers = {name for group in self._groups for name in group.consumers}
        images = (pixels for pixels, _ in islice(self._batches, NUM_MOMENTS_BATCHES))
        moments = input_moments(self._model, images, sorted(consumers))
        refit(narrower, self._model, self._groups, plan.kept, moments)
        return narrower


@contextmanager
def _timing(whole: keras.Model, batches: Sequence[Batch]) -> Iterator[Callable[[keras.Model], float]]:
    """Yield a function that times a network's int8 file, one image on one core, as a part of `whole`'s time."""
    images = batches[0][0][:NUM_RANGE_IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        dense, candidate = Path(folder) / "dense.tflite", Path(folder) / "candidate.tflite"
        export_int8(whole, dense, images)

        def time_of(model: keras.Model) -> float:
            export_int8(model, candidate, images)
            return latency_ratio(candidate, dense).median

        yield time_of
