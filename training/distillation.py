"""Learning from a teacher: its probabilities say more of an image than its label (arXiv:1503.02531)."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
import tf_keras as keras

from training.any_size import accept_any_size
from training.teaching import TEACHER_WEIGHT, TEMPERATURE, check_teaching


@dataclass(frozen=True, slots=True)
class Distillation:
    """What is added to the loss.

    Attributes:
        teacher: from normalized pixels to logits, of the same classes; it does not change.
        weight: part of the loss that the teacher has, in [0, 1]; the labels have the rest.
        temperature: that both networks' logits are divided by, > 0.
    """

    teacher: keras.Model
    weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        check_teaching(self.weight, self.temperature)
        accept_any_size(self.teacher)

    def loss(self, images: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The mean divergence from the teacher's probabilities, times temperature squared as in the paper.

        Args:
            images: normalized pixels, float [N, H, W, C].
            logits: of the student for them, float32 [N, num_classes].
        """
        softened = tf.nn.softmax(tf.stop_gradient(self.teacher(images, training=False)) / self.temperature)
        divergence = keras.losses.kl_divergence(softened, tf.nn.softmax(logits / self.temperature))
        return self.temperature**2 * tf.reduce_mean(divergence)
