"""Prunes by magnitude with tensorflow-model-optimization: the smallest weights become zero (arXiv:1710.01878)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from optimize.magnitude.layers import layer_sparsities, two_of_four_sparsities
from optimize.magnitude.schedule import pruning_schedule
from optimize.settings import MagnitudePruning


class MagnitudePruner:
    """Makes the smallest weights of a model zero between the steps of its training.

    tensorflow-model-optimization's wrappers keep the masks and say when they change, but stand beside the model, not in
    it: in a forward pass they would assign to weights that mixed precision shows them rounded.

    Attributes:
        sparsities: fraction of zeros at the end, by the name of each layer that could be pruned.
        masks: float32, one for each layer that is pruned: 0 where its kernel is to be zero, 1 elsewhere.
    """

    def __init__(self, model: keras.Model, pruning: MagnitudePruning, *, num_steps: int) -> None:
        """Prepare to prune.

        Args:
            model: any built Keras model, of any precision; the kernels of its `Conv2D` and `Dense` layers are pruned.
            pruning: how; of one-shot pruning, the model has the zeros already.
            num_steps: that it will be trained for.

        Raises:
            ValueError: the sparsity cannot be reached, or weight standardization would undo the zeros.
        """
        if pruning.one_shot:
            self.sparsities = {layer.name: float(np.mean(layer.kernel.numpy() == 0)) for layer in _prunable(model)}
        else:
            self.sparsities = layer_sparsities_of(model, pruning)
        self._wrappers = []
        for name, sparsity in self.sparsities.items():
            if sparsity:
                layer = model.get_layer(name)
                wrapper = tfmot.sparsity.keras.prune_low_magnitude(
                    layer,
                    pruning_schedule=pruning_schedule(sparsity, pruning, num_steps),
                    sparsity_m_by_n=(2, 4) if pruning.pattern == "2:4" else None,
                )
                wrapper.build(layer.input_shape)
                self._wrappers.append(wrapper)

        def prune(step: tf.Tensor) -> None:
            for wrapper in self._wrappers:
                wrapper.pruning_step.assign(step)
                wrapper.pruning_obj.conditional_mask_update()
                wrapper.pruning_obj.weight_mask_op()

        self._prune = tf.function(prune)
        self.masks = [mask for wrapper in self._wrappers for _, mask, _ in wrapper.pruning_vars]

    def before_step(self, step: int) -> None:
        """Update the masks where the schedule says so, and zero what the last step has moved; steps begin at 0."""
        self._prune(tf.constant(step + 1, tf.int64))  # tensorflow-model-optimization counts from 1

    def finish(self) -> None:
        """Zero what the last gradient step has moved."""
        for wrapper in self._wrappers:
            wrapper.pruning_obj.weight_mask_op()


def _prunable(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if type(layer) in {keras.layers.Conv2D, keras.layers.Dense}]


def layer_sparsities_of(model: keras.Model, pruning: MagnitudePruning) -> dict[str, float]:
    """Return the fraction of zeros wanted in the kernel of each `Conv2D` and `Dense` layer, by its name.

    Raises:
        ValueError: the sparsity cannot be reached, or weight standardization would undo the zeros.
    """
    prunable = _prunable(model)
    if not any(type(layer) is keras.layers.Conv2D for layer in prunable):
        raise ValueError("the model has no plain convolution to prune: weight standardization would undo the zeros")
    shapes = {layer.name: layer.kernel.shape for layer in prunable}
    if pruning.pattern == "2:4":
        return two_of_four_sparsities({name: shape[-2] for name, shape in shapes.items()}, pruning.rules)
    num_weights = {name: shape.num_elements() for name, shape in shapes.items()}
    return layer_sparsities(num_weights, pruning.sparsity, pruning.rules)
