"""Makes all zeros of a model before it is trained on, and more of them in layers that lose less by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import tf_keras as keras

from optimize.layer_inputs import Matrix, input_moments, set_weight_matrix, weight_matrix
from optimize.magnitude.allocation import allocate_zeros
from optimize.magnitude.layers import LayerRule, has_rule
from optimize.magnitude.pruning import layer_sparsities_of
from optimize.magnitude.second_order import part_lost, sparsegpt_pass, with_zeros
from optimize.settings import MagnitudePruning
from training.dataset import Pixels

LEVELS = (0.0, 0.25, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)


def make_zeros(model: keras.Model, pruning: MagnitudePruning, batches: Iterable[Pixels]) -> None:
    """Make zeros, and have the other weights make up for them.

    Layers with a sparsity of their own keep to it. The others get their zeros for the least sum of what their outputs
    lose, as a part of their variance. Statistics of batch normalizations have to be estimated anew.

    Args:
        model: from normalized pixels to logits; its kernels change, and the biases beside them.
        pruning: where, and how many.
        batches: training images, uint8 [N, H, W, C].

    Raises:
        ValueError: the sparsity cannot be reached.
    """
    sparsities = {name: part for name, part in layer_sparsities_of(model, pruning).items() if part}
    moments = input_moments(model, batches, list(sparsities))
    if pruning.pattern == "unstructured":
        sparsities |= _allocated(model, sparsities, moments, pruning.rules)
    for name, sparsity in sparsities.items():
        layer = model.get_layer(name)
        set_weight_matrix(layer, with_zeros(moments[name], weight_matrix(layer), sparsity, pattern=pruning.pattern))


def _allocated(
    model: keras.Model, sparsities: Mapping[str, float], moments: Mapping[str, Matrix], rules: Sequence[LayerRule]
) -> dict[str, float]:
    """Return the sparsity of each layer that no rule names; together they keep their number of zeros."""
    names = [name for name in sparsities if not has_rule(name, rules)]
    num_weights = {name: model.get_layer(name).kernel.shape.num_elements() for name in names}
    losses = {}
    for name in names:
        of_inputs, weights = moments[name], weight_matrix(model.get_layer(name))
        lost = [part_lost(of_inputs, weights, sparsegpt_pass(of_inputs, weights, level)) for level in LEVELS[1:]]
        losses[name] = [0.0, *lost]
    num_zeros = sum(round(sparsities[name] * num) for name, num in num_weights.items())
    num_zeros_of = allocate_zeros(num_weights, losses, LEVELS, num_zeros)
    return {name: num_zeros_of[name] / num for name, num in num_weights.items()}
