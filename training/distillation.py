"""Learning from a teacher: its probabilities say more of an image than its label, its layers more yet.

arXiv:1503.02531 for the probabilities, arXiv:1412.6550 for the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import tensorflow as tf
import tf_keras as keras

from training.features import WithFeatures
from training.teaching import HINT_WEIGHT, TEACHER_WEIGHT, TEMPERATURE, check_teaching


@dataclass(frozen=True, slots=True)
class Hint:
    """A layer that is to give what the teacher's layer of that name gives.

    Attributes:
        layer: its name in both networks; its outputs are of one size in both.
        channels: the teacher's channels that the student has there, in the student's order; None for all.
    """

    layer: str
    channels: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Distillation:
    """What a teacher adds to the loss.

    Attributes:
        teacher: from normalized pixels to logits, of the same classes; it does not change.
        weight: part of the loss that the teacher's probabilities have, in [0, 1]; the labels have the rest.
        temperature: that both networks' logits are divided by, > 0.
        hints: layers to learn from, too; none where they weigh nothing.
        hint_weight: of each hint's squared error, which is 1 where nothing but the mean is known; >= 0.
    """

    teacher: keras.Model
    weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE
    hints: tuple[Hint, ...] = ()
    hint_weight: float = HINT_WEIGHT
    _teacher: WithFeatures = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_teaching(self.weight, self.temperature, self.hint_weight)
        if not self.hint_weight:
            object.__setattr__(self, "hints", ())
        object.__setattr__(self, "_teacher", WithFeatures(self.teacher, self.layers))

    @property
    def layers(self) -> tuple[str, ...]:
        """Whose outputs `loss` is given."""
        return tuple(hint.layer for hint in self.hints)

    @property
    def says_nothing(self) -> bool:
        """Whether it adds nothing to the loss."""
        return not self.weight and not self.hints

    def loss(self, images: tf.Tensor, logits: tf.Tensor, features: Sequence[tf.Tensor] = ()) -> tf.Tensor:
        """What is added to (1 - `weight`) times the loss of the labels.

        That is the mean divergence from the teacher's probabilities, times temperature squared as in the paper, times
        `weight`; and the errors of the hints.

        Args:
            images: normalized pixels, float [N, H, W, C].
            logits: of the student for them, float32 [N, num_classes].
            features: of the student for them, of each of `layers`.
        """
        taught, shown = self._teacher(images, training=False)
        softened = tf.nn.softmax(tf.stop_gradient(taught) / self.temperature)
        divergence = keras.losses.kl_divergence(softened, tf.nn.softmax(logits / self.temperature))
        loss = self.weight * self.temperature**2 * tf.reduce_mean(divergence)
        for hint, own, wanted in zip(self.hints, features, shown, strict=True):
            loss += self.hint_weight * _error(own, wanted, hint.channels)
        return loss


def _error(own: tf.Tensor, wanted: tf.Tensor, channels: tuple[int, ...] | None) -> tf.Tensor:
    """Squared error of [N, h, w, C], over the variance of the channels that are wanted."""
    if channels is not None:
        wanted = tf.gather(wanted, tf.constant(channels, tf.int32), axis=-1)
    wanted = tf.stop_gradient(tf.cast(wanted, tf.float32))
    variance = tf.reduce_mean(tf.math.reduce_variance(wanted, axis=[0, 1, 2]))
    error = tf.reduce_mean(tf.math.squared_difference(tf.cast(own, tf.float32), wanted))
    return error / (variance + keras.backend.epsilon())
