"""Schedules when magnitude pruning makes its zeros: the sparsity is a polynomial of the step (arXiv:1710.01878)."""

from __future__ import annotations

from typing import Any

import tensorflow_model_optimization as tfmot

from optimize.settings import MagnitudePruning

NUM_MASK_UPDATES = 100  # or a few more; between two of them the network has time to make up for what went


def pruning_schedule(sparsity: float, pruning: MagnitudePruning, num_steps: int) -> Any:
    """Return the schedule of a layer's zeros in a training of `num_steps`, a tfmot.sparsity.keras.PruningSchedule."""
    if pruning.is_made_at_the_beginning:
        return one_shot_schedule(sparsity)
    return polynomial_schedule(sparsity, num_steps, begin=pruning.begin, end=pruning.end, power=pruning.power)


def polynomial_schedule(sparsity: float, num_steps: int, *, begin: float, end: float, power: float) -> Any:
    """Return the schedule s(t) = sparsity * (1 - (1 - t)^power), where t goes from 0 to 1 between `begin` and `end`.

    Args:
        sparsity: at the end, in [0, 1).
        num_steps: of the whole training.
        begin: part of the steps before the first zeros, in [0, 1).
        end: part of the steps after which the masks stay as they are, in (begin, 1].
        power: > 0; with 3 most zeros come early, while there is time to recover.

    Returns:
        A tfmot.sparsity.keras.PolynomialDecay.
    """
    begin_step = int(begin * num_steps)
    span = max(1, int(end * num_steps) - begin_step)
    frequency = max(1, span // NUM_MASK_UPDATES)
    # Masks are updated every `frequency` steps: an end in between would be passed before the sparsity is reached.
    end_step = begin_step + span // frequency * frequency
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=begin_step,
        end_step=end_step,
        power=power,
        frequency=frequency,
    )


def one_shot_schedule(sparsity: float) -> Any:
    """Return the schedule that makes all zeros in the first step: a tfmot.sparsity.keras.ConstantSparsity."""
    return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=1, end_step=1, frequency=1)
