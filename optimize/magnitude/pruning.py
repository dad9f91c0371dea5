"""Magnitude pruning by tensorflow-model-optimization: the smallest weights become zero (arXiv:1710.01878)."""

from __future__ import annotations

from typing import Any

import tensorflow_model_optimization as tfmot
import tf_keras as keras

from optimize.magnitude.layers import layer_sparsities, two_of_four_sparsities
from optimize.magnitude.options import MagnitudePruning
from optimize.magnitude.schedule import polynomial_schedule


class MagnitudePruner:
    """Wraps the convolutions and the classifier of a model so that training makes their smallest weights zero.

    Attributes:
        model: to train; shares its weights with the model that was given, which so becomes the pruned one.
        sparsities: fraction of zeros at the end, by the name of each layer that could be pruned.
    """

    def __init__(self, model: keras.Model, pruning: MagnitudePruning, *, num_steps: int) -> None:
        """Prepare to prune.

        Args:
            model: any Keras model; the kernels of its `Conv2D` and `Dense` layers are pruned.
            pruning: how.
            num_steps: that it will be trained for.

        Raises:
            ValueError: the sparsity cannot be reached, or weight standardization would undo the zeros.
        """
        if not any(type(layer) is keras.layers.Conv2D for layer in model.layers):
            raise ValueError("the model has no plain convolution to prune: weight standardization would undo the zeros")
        self._pruning = pruning
        self._num_steps = num_steps
        self._wrappers: list[Any] = []
        self.sparsities = _sparsities(model, pruning)
        self.model = keras.models.clone_model(model, clone_function=self._wrapped)

    def before_step(self, step: int) -> None:
        """Tell the schedule where it is; masks are updated in the step's forward pass."""
        for wrapper in self._wrappers:
            wrapper.pruning_step.assign(step)

    def finish(self) -> None:
        """Zero what the last gradient step has moved."""
        for wrapper in self._wrappers:
            wrapper.pruning_obj.weight_mask_op()

    def _wrapped(self, layer: Any) -> Any:
        sparsity = self.sparsities.get(layer.name, 0.0)
        if not sparsity:
            return layer
        pruning = self._pruning
        wrapper = tfmot.sparsity.keras.prune_low_magnitude(
            layer,
            pruning_schedule=polynomial_schedule(
                sparsity, self._num_steps, begin=pruning.begin, end=pruning.end, power=pruning.power
            ),
            # With this, the masks are made in the first step, whatever the schedule.
            sparsity_m_by_n=(2, 4) if pruning.pattern == "2:4" else None,
        )
        self._wrappers.append(wrapper)
        return wrapper


def _sparsities(model: keras.Model, pruning: MagnitudePruning) -> dict[str, float]:
    prunable = {keras.layers.Conv2D, keras.layers.Dense}
    shapes = {layer.name: layer.kernel.shape for layer in model.layers if type(layer) in prunable}
    if pruning.pattern == "2:4":
        return two_of_four_sparsities({name: shape[-2] for name, shape in shapes.items()}, pruning.rules)
    num_weights = {name: shape.num_elements() for name, shape in shapes.items()}
    return layer_sparsities(num_weights, pruning.sparsity, pruning.rules)
