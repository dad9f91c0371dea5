"""Solves the weights that read removed channels again, so that those which stay make up for them (arXiv:1707.06168)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from optimize.channels.groups import ChannelGroup
from optimize.channels.plan import Indices
from optimize.layer_inputs import Matrix, set_weight_matrix, solve_least_squares, weight_matrix


def refit(
    narrower: keras.Model,
    model: keras.Model,
    groups: tuple[ChannelGroup, ...],
    kept: Mapping[str, Indices],
    moments: Mapping[str, Matrix],
) -> None:
    """Solve the weights of every layer that lost inputs, so that its outputs are nearest to what they were.

    Batch normalizations correct the means of the outputs, once their statistics are estimated anew.

    Args:
        narrower: made of `model` by `narrow`; the weights of the groups' consumers change.
        model: that has all channels.
        groups: its channels.
        kept: indices of each group's channels that stay, ascending.
        moments: of what the consumers of the groups read in `model`, see `input_moments`.
    """
    written = {layer: kept[group.name] for group in groups for layer in group.producers}
    for group in groups:
        for name in group.consumers:
            weights, of_all = weight_matrix(model.get_layer(name)), moments[name]
            # Rows of the kernel that read kept channels, at all positions, and the row of the bias.
            channels = np.arange(len(of_all) - 1) % group.num_channels
            rows = np.flatnonzero([*np.isin(channels, kept[group.name]), True])
            refitted = solve_least_squares(of_all, weights, rows)
            set_weight_matrix(narrower.get_layer(name), refitted[:, written.get(name, ...)])
