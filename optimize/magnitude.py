"""Magnitude pruning by tensorflow-model-optimization: the smallest weights become zero (arXiv:1710.01878)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras as keras

END_FRACTION = 0.7  # of the steps; what is left serves to recover with the final masks
NUM_MASK_UPDATES = 100


class MagnitudePruner:
    """Wraps the convolutions and the classifier of a model so that training makes their smallest weights zero.

    Attributes:
        model: to train; shares its weights with the model that was given, which so becomes the pruned one.
    """

    def __init__(self, model: keras.Model, *, sparsity: float, num_steps: int) -> None:
        """Prepare to prune.

        Args:
            model: any Keras model; its `Conv2D` and `Dense` kernels are pruned, layer by layer.
            sparsity: fraction of zeros in each of those kernels at the end, in [0, 1).
            num_steps: that it will be trained for; the sparsity rises as a cubic polynomial of the step.

        Raises:
            ValueError: the sparsity is out of range, or weight standardization would undo the zeros.
        """
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity must be in [0, 1), got {sparsity}")
        if not any(type(layer) is keras.layers.Conv2D for layer in model.layers):
            raise ValueError("the model has no plain convolution to prune: weight standardization would undo the zeros")
        end_step = max(1, int(END_FRACTION * num_steps))
        schedule = tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=sparsity,
            begin_step=0,
            end_step=end_step,
            frequency=max(1, end_step // NUM_MASK_UPDATES),
        )
        self._wrappers: list[Any] = []
        self.model = keras.models.clone_model(model, clone_function=lambda layer: self._wrapped(layer, schedule))

    def before_step(self, step: int) -> None:
        """Tell the schedule where it is; masks are updated in the step's forward pass."""
        for wrapper in self._wrappers:
            wrapper.pruning_step.assign(step)

    def finish(self) -> None:
        """Zero what the last gradient step has moved."""
        for wrapper in self._wrappers:
            wrapper.pruning_obj.weight_mask_op()

    def _wrapped(self, layer: Any, schedule: Any) -> Any:
        if not _is_prunable(layer):
            return layer
        wrapper = tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule)
        self._wrappers.append(wrapper)
        return wrapper


def sparsity_of(model: keras.Model) -> float:
    """Fraction of zeros among all weights of convolutions and dense layers (kernels only)."""
    kernels = [layer.kernel.numpy() for layer in model.layers if _is_prunable(layer)]
    return float(sum(np.sum(kernel == 0) for kernel in kernels) / sum(kernel.size for kernel in kernels))


def _is_prunable(layer: Any) -> bool:
    return type(layer) in {keras.layers.Conv2D, keras.layers.Dense}
