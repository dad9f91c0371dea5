"""Solves the weights that read removed channels again, so that those which stay make up for them (arXiv:1707.06168)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from optimize.channels.groups import ChannelGroup
from optimize.channels.plan import Indices
from optimize.layer_inputs import Matrix, set_weight_matrix, solved, weight_matrix


def refit(
    narrower: keras.Model,
    model: keras.Model,
    groups: tuple[ChannelGroup, ...],
    kept: Mapping[str, Indices],
    moments: Mapping[str, Matrix],
) -> None:
    """Bring the outputs of every layer that lost inputs back to what they were, as near as can be.

    Their means are left to the batch normalizations, whose statistics have to be estimated anew.

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
            found = solved(of_all, weights, _rows(kept[group.name], group.num_channels, len(of_all) - 1))
            set_weight_matrix(narrower.get_layer(name), found[:, written.get(name, ...)])


def _rows(channels: Indices, num_channels: int, num_rows: int) -> npt.NDArray[Any]:
    """Rows of a kernel that read these channels, at all positions, and that of the bias."""
    return np.flatnonzero([*np.isin(np.arange(num_rows) % num_channels, channels), True])
