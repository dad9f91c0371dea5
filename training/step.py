"""One step of stochastic gradient descent with Nesterov momentum, and the moving average of weights beside it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.distillation import Distillation, WithFeatures


@dataclass(frozen=True, slots=True)
class StepResult:
    """Sums over one batch.

    Attributes:
        loss: float32 [], mean cross-entropy with smoothed labels, and the teacher's part where there is one.
        accuracy: float32 [], fraction of the augmented images classified rightly.
    """

    loss: tf.Tensor
    accuracy: tf.Tensor


class TrainingStep:
    """Holds what a step changes: the model, the optimizer's velocity and the average of weights.

    Attributes:
        model: learns.
        average: what is evaluated and exported: a copy of it whose weights follow slowly, or itself without averaging.
        optimizer: SGD with Nesterov momentum.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        momentum: float,
        weight_decay: float,
        label_smoothing: float,
        average_decay: float,
        xla: bool = False,
        distillation: Distillation | None = None,
    ) -> None:
        self.model = model
        self.average = _copy(model) if average_decay else model
        self.optimizer = keras.optimizers.SGD(0.0, momentum=momentum, nesterov=True)
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            self.optimizer = keras.mixed_precision.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(model.trainable_variables)
        self._weight_decay = weight_decay
        self._label_smoothing = label_smoothing
        self._average_decay = average_decay
        self._distillation = distillation if distillation and distillation.has_loss else None
        self._student = WithFeatures(self.model, self._distillation.layers if self._distillation else ())
        self._run = tf.function(self._step, jit_compile=xla)

    def __call__(self, pixels: tf.Tensor, targets: tf.Tensor, *, lr: float, step: int) -> StepResult:
        """Learn from uint8 [N, H, W, 3], which may be smaller than the model's images, and int64 [N]."""
        loss, accuracy = self._run(pixels, targets, tf.constant(lr, tf.float32), tf.constant(step, tf.float32))
        return StepResult(loss, accuracy)

    def _step(
        self, pixels: tf.Tensor, targets: tf.Tensor, lr: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        variables = self.model.trainable_variables
        is_scaled = isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            images = normalize(pixels)
            logits, features = self._student(images, training=True)
            loss = self._loss(images, logits, features, targets)
            scaled = self.optimizer.get_scaled_loss(loss) if is_scaled else loss
        gradients = tape.gradient(scaled, variables)
        if is_scaled:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        self.optimizer.learning_rate = lr
        self.optimizer.apply_gradients(zip(self._with_decay(gradients, variables), variables, strict=True))
        if self._average_decay:
            self._update_average(step)
        accuracy = tf.reduce_mean(tf.cast(tf.argmax(logits, axis=-1) == targets, tf.float32))
        return loss, accuracy

    def _loss(self, images: tf.Tensor, logits: tf.Tensor, features: list[tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
        loss = tf.reduce_mean(
            keras.losses.categorical_crossentropy(
                tf.one_hot(targets, logits.shape[-1]),
                logits,
                from_logits=True,
                label_smoothing=self._label_smoothing,
            )
        )
        if not self._distillation:
            return loss
        return (1.0 - self._distillation.weight) * loss + self._distillation.loss(images, logits, features)

    def _with_decay(self, gradients: list[tf.Tensor], variables: list[tf.Variable]) -> list[tf.Tensor]:
        """Add the gradient of the L2 penalty on kernels; biases and normalization (rank 1) are left alone."""
        return [
            gradient + self._weight_decay * variable if variable.shape.rank > 1 else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    def _update_average(self, step: tf.Tensor) -> None:
        # Early on the average follows fast, so that it does not remember the initial weights.
        decay = tf.minimum(self._average_decay, (1.0 + step) / (10.0 + step))
        for slow, fast in zip(self.average.weights, self.model.weights, strict=True):
            slow.assign_sub((1.0 - decay) * (slow - fast))


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
