"""Learning from a teacher: a student network copies a trained network's probabilities and some of its layers.

arXiv:1503.02531 for the probabilities, arXiv:1412.6550 for the layers, to which a layer of the student's may lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from training.architecture import architecture_in, rebuilt
from training.distillation_settings import HINT_WEIGHT, TEACHER_WEIGHT, TEMPERATURE, check_teacher
from training.run import RunError, load_model, published, read_run


@dataclass(frozen=True, slots=True)
class Teacher:
    """A finished run that teaches another one.

    Attributes:
        workdir: the folder of the run.
        weight: see `Distillation`.
        temperature: see `Distillation`.
    """

    workdir: Path
    weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE

    def distillation(self, labels: Sequence[str]) -> Distillation:
        """Load the teacher, to compute in the precision of the policy that is set now.

        Raises:
            RunError: it is not finished, or has other labels.
        """
        run, model = read_run(self.workdir), load_model(self.workdir)
        if tuple(labels) != run.labels:
            raise RunError(f"the teacher in {self.workdir} has other labels than the data: give one that has them")
        architecture = architecture_in(model, run.config)
        return Distillation(rebuilt(architecture, model), self.weight, self.temperature)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for the record of the run that is taught."""
        teacher = published(self.workdir, "float32")
        return {"method": "distillation", "teacher": teacher, "weight": self.weight, "temperature": self.temperature}


class WithFeatures:
    """A network that returns the outputs of some of its layers beside its logits.

    It shares weights and statistics with the network that it was made of, and takes images of any size.
    """

    def __init__(self, model: keras.Model, layers: Sequence[str]) -> None:
        """Add the outputs of `layers`, by name, to those of `model`, from normalized pixels to logits."""
        features = [model.get_layer(name).output for name in layers]
        self._has_features = bool(features)
        self._model = keras.Model(model.input, [model.output, *features]) if features else model
        # Keras fixes the size of the input, though no layer of these networks depends on it.
        sides = [None] * (len(model.input_shape) - 1)
        self._model.input_spec = keras.layers.InputSpec(shape=(*sides, model.input_shape[-1]))

    def __call__(self, images: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return logits [N, num_classes] of normalized pixels [N, H, W, C], and each layer's output for them."""
        outputs = self._model(images, training=training)
        return (outputs[0], outputs[1:]) if self._has_features else (outputs, [])


@dataclass(frozen=True, slots=True)
class Hint:
    """A layer of the student that learns the output of the teacher's layer of that name.

    Attributes:
        layer: its name in both networks; its outputs are of one size in both.
        channels: the teacher's channels that the student has there, in the student's order; None for all.
    """

    layer: str
    channels: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class CopiedFeatures:
    """The last outputs of a network, which copy a teacher's features; the others are logits.

    Targets have the same order: the part of each class, then the features.

    Attributes:
        num: of features.
        weight: factor of their mean squared error, in the units of the targets.
    """

    num: int
    weight: float

    def divided(self, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Divide outputs or targets, [N, num_classes + num], into what is of classes and the features."""
        return outputs[:, : -self.num], outputs[:, -self.num :]

    def loss(self, copies: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        """Return what is added to the loss for copies, float32 [N, num], of the teacher's features."""
        return self.weight * tf.reduce_mean(tf.math.squared_difference(copies, features))


@dataclass(frozen=True, slots=True)
class Distillation:
    """The part of the loss that a teacher gives.

    Attributes:
        teacher: from normalized pixels to logits, of the same classes; it does not change.
        weight: part of the loss that the teacher's probabilities have, in [0, 1]; the labels have the rest.
        temperature: divides the logits of both networks, > 0.
        hints: layers to learn from, too; none where `hint_weight` is 0.
        hint_weight: factor of each hint's squared error, which is 1 for a layer that gives the mean; >= 0.
    """

    teacher: keras.Model
    weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE
    hints: tuple[Hint, ...] = ()
    hint_weight: float = HINT_WEIGHT
    _teacher: WithFeatures = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_teacher(self.weight, self.temperature, self.hint_weight)
        if not self.hint_weight:
            object.__setattr__(self, "hints", ())
        object.__setattr__(self, "_teacher", WithFeatures(self.teacher, self.layers))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the student's layers whose outputs `loss` takes."""
        return tuple(hint.layer for hint in self.hints)

    @property
    def has_loss(self) -> bool:
        """True if the teacher adds anything to the loss."""
        return bool(self.weight or self.hints)

    def loss(self, images: tf.Tensor, logits: tf.Tensor, features: Sequence[tf.Tensor] = ()) -> tf.Tensor:
        """Return what is added to (1 - `weight`) times the loss of the labels.

        That is the mean divergence from the teacher's probabilities, times temperature squared as in the paper, times
        `weight`; and each hint's squared error over the variance of the teacher's channels, times `hint_weight`.

        Args:
            images: normalized pixels, float [N, H, W, C].
            logits: the student's for them, float32 [N, num_classes].
            features: the student's outputs for them, of each of `layers`.
        """
        teacher_logits, teacher_features = self._teacher(images, training=False)
        teacher_probabilities = tf.nn.softmax(tf.stop_gradient(teacher_logits) / self.temperature)
        divergence = keras.losses.kl_divergence(teacher_probabilities, tf.nn.softmax(logits / self.temperature))
        loss = self.weight * self.temperature**2 * tf.reduce_mean(divergence)
        for hint, feature, target in zip(self.hints, features, teacher_features, strict=True):
            if hint.channels is not None:
                target = tf.gather(target, tf.constant(hint.channels, tf.int32), axis=-1)
            wanted = tf.stop_gradient(tf.cast(target, tf.float32))
            variance = tf.reduce_mean(tf.math.reduce_variance(wanted, axis=[0, 1, 2]))
            error = tf.reduce_mean(tf.math.squared_difference(tf.cast(feature, tf.float32), wanted))
            loss += self.hint_weight * error / (variance + keras.backend.epsilon())
        return loss
