"""A network that also gives what some of its layers compute."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from training.any_size import accept_any_size


class WithFeatures:
    """The same network, with more outputs; called, it shares weights and statistics with the one it was made of."""

    def __init__(self, model: keras.Model, layers: Sequence[str]) -> None:
        """Make it of `model`, from normalized pixels to logits, and the names of some of its layers."""
        features = [model.get_layer(name).output for name in layers]
        self._has_features = bool(features)
        self._model = accept_any_size(keras.Model(model.input, [model.output, *features]) if features else model)

    def __call__(self, images: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Logits [N, num_classes] of normalized pixels [N, H, W, C], and what each of the layers gives for them."""
        outputs = self._model(images, training=training)
        return (outputs[0], outputs[1:]) if self._has_features else (outputs, [])
