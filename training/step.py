"""Compute the learning rate, a step of gradient descent with its average of weights, and the accuracy so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.config import TrainingConfig
from training.dataset import Pixels, Targets
from training.distillation import CopiedFeatures, Distillation, WithFeatures
from training.distributed.replicas import mean_over_replicas, with_synchronized_statistics
from training.distributed.workers import ALONE, Workers
from training.feed import Feed
from training.freezing import freeze
from training.layer_rates import layer_rates
from training.pixel_store import PixelStore
from training.stochastic_depth import with_stochastic_depth

VALIDATION_BATCH_SIZE = 250
VALIDATION_BATCH_PIXELS = VALIDATION_BATCH_SIZE * 96**2  # of larger images fewer at once: 45 at 224 px


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Rise linearly to `peak`, then fall along half a cosine to zero (arXiv:1608.03983, without restarts).

    Args:
        step: 0 .. total_steps - 1.
        peak: the highest learning rate, reached at step `warmup_steps`.
        warmup_steps: may be 0.
        total_steps: the step at which the learning rate would be zero.
    """
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError(f"warmup_steps must be in 0..total_steps ({total_steps}), got {warmup_steps}")
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


@dataclass(frozen=True, slots=True)
class StepResult:
    """Means over one batch, or over each of several.

    Attributes:
        loss: float32 [] or [steps], cross-entropy with smoothed labels, and the teacher's part where there is one.
        accuracy: float32 of the same shape, fraction of the augmented images classified rightly.
    """

    loss: tf.Tensor
    accuracy: tf.Tensor


class TrainingStep:
    """Takes a step on a batch, and holds everything that steps change.

    Attributes:
        model: the network that learns.
        ema: the network that is evaluated and exported: a copy of `model` with the moving average of its weights;
            `model` itself where `ema_decay` is 0.
        optimizer: SGD with Nesterov momentum.
        num_steps_done: int64 [], changed together with the weights.
        is_whole: False from the begin of a call that several machines share to its end: one that fails may leave the
            statistics of a step whose weights were not changed.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        momentum: float,
        weight_decay: float,
        label_smoothing: float,
        ema_decay: float,
        xla: bool = False,
        distillation: Distillation | None = None,
        copied: CopiedFeatures | None = None,
        layer_decay: float = 1.0,
        clip_norm: float = 0.0,
        frozen_stages: int = 0,
        frozen_batch_norm: bool = False,
        frozen_depthwise: bool = False,
        stochastic_depth: float = 0.0,
        workers: Workers = ALONE,
    ) -> None:
        """Make it in the scope of `workers`, where the model was made, too."""
        freeze(model, stages=frozen_stages, batch_norm=frozen_batch_norm, depthwise=frozen_depthwise)
        self.model = self.ema = model
        self.num_steps_done = tf.Variable(0, dtype=tf.int64, trainable=False)
        if ema_decay:
            self.ema = keras.models.clone_model(model)
            self.ema.set_weights(model.get_weights())
        self.optimizer = keras.optimizers.SGD(0.0, momentum=momentum, nesterov=True)
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            self.optimizer = keras.mixed_precision.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(model.trainable_variables)
        self._weight_decay = weight_decay
        self._label_smoothing = label_smoothing
        self._ema_decay = ema_decay
        self._distillation = distillation if distillation and distillation.has_loss else None
        self._copied = copied
        self._clip_norm = clip_norm
        self._rates = layer_rates(model, layer_decay)
        learning = with_stochastic_depth(model, stochastic_depth, self.num_steps_done) if stochastic_depth else model
        learning = with_synchronized_statistics(learning)
        self._student = WithFeatures(learning, self._distillation.layers if self._distillation else ())
        self._workers, self.is_whole = workers, True
        self._run = tf.function(self._step, jit_compile=xla)
        self._run_many = tf.function(self._steps)

    @classmethod
    def of(
        cls,
        model: keras.Model,
        config: TrainingConfig,
        distillation: Distillation | None = None,
        copied: CopiedFeatures | None = None,
        workers: Workers = ALONE,
    ) -> TrainingStep:
        """Make the step that a configuration describes."""
        return cls(
            model,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            label_smoothing=config.label_smoothing,
            ema_decay=config.average_decay,
            xla=config.xla,
            distillation=distillation,
            copied=copied,
            layer_decay=config.layer_decay,
            clip_norm=config.clip_norm,
            frozen_stages=config.frozen_stages,
            frozen_batch_norm=config.frozen_batch_norm,
            frozen_depthwise=config.frozen_depthwise,
            stochastic_depth=config.stochastic_depth,
            workers=workers,
        )

    def __call__(self, pixels: tf.Tensor, targets: tf.Tensor, *, lr: float, step: int) -> StepResult:
        """Learn from uint8 [N, H, W, 3], which may be smaller than the model's images, and their targets.

        Those are int64 [N], or float32 [N, num_classes], the part that each class has, where images are mixed or a
        teacher has answered; where features are copied, they follow.
        """
        loss, accuracy = self._run(pixels, targets, tf.constant(lr, tf.float32), tf.constant(step, tf.float32))
        return StepResult(loss, accuracy)

    def take(self, feed: Feed, steps: range, lrs: Sequence[float]) -> StepResult:
        """Take steps on the next batches of a feed, on every device, in one call to TensorFlow."""
        if len(steps) == 1 and not self._workers.strategy and not feed.resident:
            pixels, targets = next(feed.batches)
            return self(pixels, targets, lr=lrs[0], step=steps.start)
        numbers = tf.range(steps.start, steps.stop, dtype=tf.float32)
        self.is_whole = self._workers.num_machines == 1
        with self._workers.lost_named():
            losses, accuracies = tf.unstack(self._run_many(feed.batches, tf.constant(lrs, tf.float32), numbers, feed))
        self.is_whole = True
        return StepResult(losses, accuracies)

    def hand_out(self) -> int:
        """Give the chief's state to all machines, which each must call this; returns the number of steps done."""
        kept = [*self.model.weights, *(self.ema.weights if self.ema is not self.model else ())]
        kept += [*self.optimizer.variables(), self.num_steps_done]
        told = self._workers.told_by_chief([variable.numpy() for variable in kept])
        if not self._workers.is_chief:
            for variable, value in zip(kept, told, strict=True):
                variable.assign(value)
        return int(self.num_steps_done.numpy())

    def has_finite_weights(self) -> bool:
        """Look at all weights, and wait for the step that changes them."""
        numbers = [weight for weight in self.model.weights if weight.dtype.is_floating]  # and not those that count
        return bool(tf.reduce_all([tf.reduce_all(tf.math.is_finite(weight)) for weight in numbers]))

    def _steps(self, batches: Any, lrs: tf.Tensor, numbers: tf.Tensor, feed: Feed) -> tf.Tensor:
        """Return losses and accuracies, float32 [2, steps]."""

        def on_replica(batch: tuple[tf.Tensor, ...], words: Any, lr: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            # Devices meet within a step, as they cannot within a nested function.
            take = self._step if strategy else self._run
            return tf.stack(take(*feed.on_replica(batch, words), lr, step))

        strategy, num = self._workers.strategy, tf.shape(lrs)[0]
        results = tf.TensorArray(tf.float32, num, element_shape=[2])
        for place in tf.range(num):
            arguments = (batches.get_next(), feed.words, lrs[place], numbers[place])
            if strategy is None:
                results = results.write(place, on_replica(*arguments))
            else:
                # Every device has the means of all.
                results = results.write(
                    place, strategy.experimental_local_results(strategy.run(on_replica, arguments))[0]
                )
        return tf.transpose(results.stack())

    def _step(
        self, pixels: tf.Tensor, targets: tf.Tensor, lr: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        variables = self.model.trainable_variables
        is_scaled = isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            images = normalize(pixels)
            outputs, features = self._student(images, training=True)
            logits, classes, copying = self._apart(outputs, targets)
            loss = self._loss(images, logits, features, classes) + copying
            scaled = self.optimizer.get_scaled_loss(loss) if is_scaled else loss
        gradients = tape.gradient(scaled, variables)
        if is_scaled:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        is_right = tf.argmax(logits, axis=-1) == (classes if classes.dtype.is_integer else tf.argmax(classes, axis=-1))
        accuracy = tf.reduce_mean(tf.cast(is_right, tf.float32))
        loss, accuracy, *gradients = mean_over_replicas([loss, accuracy, *gradients])
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        # The L2 penalty is on kernels; biases and normalization (rank 1) are left alone. SGD moves by the gradient, so
        # that its factor is one of the learning rate.
        penalized = [
            rate * (gradient + self._weight_decay * variable if variable.shape.rank > 1 else gradient)
            for rate, gradient, variable in zip(self._rates, gradients, variables, strict=True)
        ]
        self.optimizer.learning_rate = lr
        self.optimizer.apply_gradients(zip(penalized, variables, strict=True), skip_gradients_aggregation=True)
        if self._ema_decay:
            # Low early on, so that the average does not remember the initial weights.
            decay = tf.minimum(self._ema_decay, (1.0 + step) / (10.0 + step))
            for average, weight in zip(self.ema.weights, self.model.weights, strict=True):
                average.assign_sub((1.0 - decay) * (average - weight))
        self.num_steps_done.assign(tf.cast(step, tf.int64) + 1)
        return loss, accuracy

    def _apart(self, outputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | float]:
        """Return logits, the targets that are of classes, and the loss of the copied features."""
        if not self._copied:
            return outputs, targets, 0.0
        (logits, copies), (classes, wanted) = self._copied.divided(outputs), self._copied.divided(targets)
        return logits, classes, self._copied.loss(copies, wanted)

    def _loss(self, images: tf.Tensor, logits: tf.Tensor, features: list[tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
        loss = tf.reduce_mean(
            keras.losses.categorical_crossentropy(
                tf.one_hot(targets, logits.shape[-1]) if targets.dtype.is_integer else targets,
                logits,
                from_logits=True,
                label_smoothing=self._label_smoothing,
            )
        )
        if not self._distillation:
            return loss
        return (1.0 - self._distillation.weight) * loss + self._distillation.loss(images, logits, features)


class Validation:
    """Measures a model on the same decoded images again and again while it trains; it is traced once.

    `training.evaluate` measures what is served: the exported file, on encoded images.
    """

    def __init__(
        self,
        model: keras.Model,
        pixels: Pixels | PixelStore,
        targets: Targets,
        copied: CopiedFeatures | None = None,
    ) -> None:
        """`model` is from normalized pixels to logits, `pixels` are uint8 [N, H, W, 3], `targets` int64 [N]."""
        self._pixels, self._targets, self._copied = pixels, targets, copied
        _, height, width, _ = pixels.shape
        self._batch_size = max(1, min(VALIDATION_BATCH_SIZE, VALIDATION_BATCH_PIXELS // (height * width)))
        self._forward = tf.function(lambda batch: model(normalize(batch), training=False), reduce_retracing=True)

    def __call__(self) -> tuple[float, float]:
        """Return mean cross-entropy and accuracy."""
        starts = range(0, len(self._pixels), self._batch_size)
        batches = (tf.constant(self._pixels[start : start + self._batch_size]) for start in starts)
        logits = np.concatenate([part.numpy() for part in [self._forward(batch) for batch in batches]])
        if self._copied:
            logits, _ = self._copied.divided(logits)
        losses = keras.losses.sparse_categorical_crossentropy(self._targets, logits, from_logits=True)
        return float(np.mean(losses)), float(np.mean(logits.argmax(axis=-1) == self._targets))
