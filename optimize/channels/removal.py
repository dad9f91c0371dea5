"""Removes a model's least important channels for a budget of multiply-accumulates, or of measured time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from models.export import export_int8
from models.resnet_v2 import ResNetV2
from optimize.channels.groups import channel_groups, count_macs, multipliers
from optimize.channels.importance import channel_importance
from optimize.channels.narrowing import narrow
from optimize.channels.options import ChannelPruning
from optimize.channels.plan import BudgetOutOfReach, plan_channels
from optimize.cost.latency import latency_ratio

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
Batches = Iterable[Batch]

NUM_HALVINGS = 5  # of the interval in which the budget lies: to 3 % of the multiply-accumulates
NEXT_PART = 0.97  # of the multiply-accumulates, where a network takes longer than its work promised
NUM_RANGE_IMAGES = 4  # how long int8 kernels take does not depend on the ranges


def macs_of(model: keras.Model) -> int:
    """Multiply-accumulates of a ResNet-v2's convolutions and classifier, for one image."""
    groups = channel_groups(model)
    return count_macs(multipliers(model, groups), {group.name: group.num_channels for group in groups})


def without_least_important(
    model: keras.Model, architecture: ResNetV2, batches: Batches, pruning: ChannelPruning, max_macs: float
) -> keras.Model:
    """Remove channels until at most `max_macs` multiply-accumulates are left.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        batches: training images and their targets, from which the importance of channels is estimated.
        pruning: which channels may go.
        max_macs: for one image.
    """
    return _pruner(model, architecture, batches, pruning)(max_macs)


def macs_for_latency(
    model: keras.Model, architecture: ResNetV2, batches: Batches, pruning: ChannelPruning, latency: float
) -> float:
    """Find how many multiply-accumulates may be left for a budget of time.

    Each trial is pruned, written as an int8 file and timed on one core, in turns with that of the whole model.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        batches: as for `without_least_important`.
        pruning: which channels may go.
        latency: part of the time of the model's int8 file that may be left, in (0, 1).

    Returns:
        Part of the model's multiply-accumulates, in (0, 1): the largest tried that keeps within the budget.

    Raises:
        ValueError: none did.
    """
    dense_macs, batches = macs_of(model), list(batches)
    low, high, found = 0.0, 1.0, None
    pruned_to = _pruner(model, architecture, batches, pruning)
    with _timing(model, batches) as time_of:
        for _ in range(NUM_HALVINGS):
            middle = (low + high) / 2
            try:
                pruned = pruned_to(middle * dense_macs)
            except BudgetOutOfReach:
                low = middle  # what can be made is larger, and may be fast enough
                continue
            if time_of(pruned) <= latency:
                low = found = middle
            else:
                high = middle
    if found is None:
        raise ValueError(
            f"no network was found that takes {latency:g} of the time; the smallest tried had {high:.0%} of the MACs"
        )
    return found


def within_latency(
    model: keras.Model,
    architecture: ResNetV2,
    batches: Batches,
    pruning: ChannelPruning,
    max_macs: float,
    *,
    latency: float,
    whole: keras.Model,
) -> keras.Model:
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
    pruned_to = _pruner(model, architecture, batches, pruning)
    with _timing(whole, batches) as time_of:
        while True:
            narrower = pruned_to(max_macs)
            if time_of(narrower) <= latency:
                return narrower
            max_macs = NEXT_PART * min(max_macs, macs_of(narrower))


def _pruner(
    model: keras.Model, architecture: ResNetV2, batches: Batches, pruning: ChannelPruning
) -> Callable[[float], keras.Model]:
    """What makes a network of at most so many multiply-accumulates; importance is estimated once for all of them."""
    groups = channel_groups(model)
    of_groups, importance = multipliers(model, groups), channel_importance(model, groups, batches)

    def pruned_to(max_macs: float) -> keras.Model:
        plan = plan_channels(
            groups,
            of_groups,
            importance,
            max_macs=max_macs,
            multiple_of=pruning.multiple_of,
            with_streams=pruning.with_streams,
        )
        return narrow(model, architecture, groups, plan.kept)

    return pruned_to


@contextmanager
def _timing(whole: keras.Model, batches: Sequence[Batch]) -> Iterator[Callable[[keras.Model], float]]:
    """How long an image takes a network's int8 file on one core, as a part of `whole`'s time."""
    images = batches[0][0][:NUM_RANGE_IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        dense, candidate = Path(folder) / "dense.tflite", Path(folder) / "candidate.tflite"
        export_int8(whole, dense, images)

        def time_of(model: keras.Model) -> float:
            export_int8(model, candidate, images)
            return latency_ratio(candidate, dense).median

        yield time_of
