"""How long a training that starts from another network takes, and how much of it the time is enough for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.duration import duration
from models.network.architectures import build
from models.network.normalization import normalize
from models.plural import how_many
from training.architecture import architecture_of, building_in
from training.config import TrainingConfig
from training.dataset import Dataset
from training.step import TrainingStep

MIN_EPOCHS = 2  # fewer change too little to be worth their time
HEAD_PART = 0.4  # of the time, at most, for the features of the head
SPARE_PART = 0.15  # of what is left, for a machine that is slower later on
EXPORT_S = 25.0  # to convert a file, 10 to 25 s on two cores, and to plot
HEAD_S = 5.0  # to fit a head, without its features
_NUM_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds for one photo of full size.

    Attributes:
        forward_s: to run the network.
        learning_s: to learn from it, with all layers.
    """

    forward_s: float
    learning_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in the time that there is.

    Attributes:
        num_for_head: training photos that the head learns from.
        epochs: of the fine-tuning of all layers; 0 for none.
        head_s: seconds until the head is published.
        total_s: seconds of the whole.
        minutes_for_all: that the least fine-tuning would take, with all before it.
        speed: that this was reckoned from.
    """

    num_for_head: int
    epochs: int
    head_s: float
    total_s: float
    minutes_for_all: int
    speed: Speed

    def lines(self, num_train: int, minutes: float) -> Iterator[str]:
        """Yield the lines for a terminal; `minutes` are those that were given."""
        beyond = f", as --minutes {minutes:g} is too little for any" if self.head_s > 60 * minutes else ""
        part = "" if self.num_for_head == num_train else f" of {self.num_for_head} of the {num_train} photos"
        yield f"  first a classifier on the network's features{part}: about {duration(self.head_s)}{beyond}"
        if self.epochs:
            fine_tuning = duration(self.total_s - self.head_s)
            epochs = how_many(self.epochs, "epoch")
            yield f"  then all layers, {epochs}, kept if validation says so: about {fine_tuning} more"
        else:
            yield f"  there is no time for more: all layers would need --minutes {self.minutes_for_all}"
        rates = 1 / self.speed.forward_s, 1 / self.speed.learning_s
        yield "  measured here: {:.0f} photos/s to run it, {:.0f} to learn with all layers".format(*rates)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for the record of the run."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Read the JSON form."""
        return cls(**{**values, "speed": Speed(**values["speed"])})


def measure_speed(model: keras.Model, config: TrainingConfig, clock: Callable[[], float] = time.monotonic) -> Speed:
    """Time a network on a few images of noise; its weights stay."""
    shape = (config.batch_size, config.image_px, config.image_px, 3)
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    targets, before = tf.zeros([config.batch_size], tf.int64), model.get_weights()
    forward = tf.function(lambda batch: model(normalize(batch), training=False))
    step = TrainingStep.of(model, config)
    forward_s = _seconds(lambda: forward(pixels).numpy(), clock)
    learning_s = _seconds(lambda: step(pixels, targets, lr=0.0, step=0).loss.numpy(), clock)
    model.set_weights(before)  # a batch normalization learns at any learning rate
    return Speed(forward_s / config.batch_size, learning_s / config.batch_size)


def make_plan(config: TrainingConfig, data: Dataset, speed: Speed, *, elapsed_s: float = 0.0) -> Plan:
    """Reckon how many photos the head can learn from, and how many epochs all layers, in `config.minutes`.

    Args:
        config: the settings; `config.epochs` are the most.
        data: the photos.
        speed: of the network on this machine.
        elapsed_s: that are gone already.
    """
    left_s = 60 * config.minutes - elapsed_s
    measuring_s = EXPORT_S + speed.forward_s * (len(data.validation) + len(data.test))
    num_for_head = int(max(HEAD_PART * left_s, 0) / speed.forward_s) - len(data.validation)
    num_for_head = min(len(data.train), max(num_for_head, config.batch_size))
    head_s = speed.forward_s * (num_for_head + len(data.validation)) + HEAD_S + measuring_s
    epoch_s = _epoch_s(config, data, speed)
    tuning_s = (1 - SPARE_PART) * (left_s - head_s - measuring_s)
    epochs = min(config.epochs, max(0, int(tuning_s / epoch_s)))
    epochs = epochs if epochs >= MIN_EPOCHS else 0
    total_s = elapsed_s + head_s + (epochs * epoch_s + measuring_s if epochs else 0)
    least_s = elapsed_s + head_s + measuring_s + MIN_EPOCHS * epoch_s / (1 - SPARE_PART)
    return Plan(num_for_head, epochs, elapsed_s + head_s, total_s, math.ceil(least_s / 60), speed)


def fewer_for_head(plan: Plan, *, photo_s: float, left_s: float, at_least: int) -> int:
    """Reckon anew how many photos the head can learn from, where one took longer than planned.

    Args:
        plan: of `make_plan`.
        photo_s: seconds that a photo took, decoded too; 0 where too few were timed.
        left_s: seconds that are left of the time that was given.
        at_least: photos to learn from, however little time is left.
    """
    if photo_s <= (1 + SPARE_PART) * plan.speed.forward_s:
        return plan.num_for_head
    return min(plan.num_for_head, max(at_least, int(HEAD_PART * left_s / photo_s)))


def epochs_in_time(plan: Plan, config: TrainingConfig, data: Dataset, *, elapsed_s: float, end_s: float) -> int:
    """Reckon anew how many epochs all layers can learn for, at the pace that this machine has kept so far.

    Args:
        plan: of `make_plan`.
        config: the settings.
        data: the photos.
        elapsed_s: seconds from the beginning until the head was published.
        end_s: seconds that are left, without those that the last file takes.
    """
    slowdown = max(1.0, elapsed_s / plan.head_s)
    epochs = int(end_s / (slowdown * _epoch_s(config, data, plan.speed)))
    return min(plan.epochs, epochs) if epochs >= MIN_EPOCHS else 0


def about_time(config: TrainingConfig, data: Dataset) -> str:
    """Say how long a training from nothing takes on this machine, measured on a few steps."""
    with building_in(config.precision):
        speed = measure_speed(build(architecture_of(config, num_classes=len(data.labels))), config)
    return f"  about {duration(config.epochs * _epoch_s(config, data, speed))}, measured on a few steps"


def _epoch_s(config: TrainingConfig, data: Dataset, speed: Speed) -> float:
    size = 1 - config.small_fraction * (1 - (config.small_px / config.image_px) ** 2)
    return size * speed.learning_s * len(data.train) + speed.forward_s * len(data.validation)


def _seconds(action: Callable[[], object], clock: Callable[[], float]) -> float:
    action()  # traces
    begun_s = clock()
    for _ in range(_NUM_REPEATS):
        action()
    return max(1e-9, clock() - begun_s) / _NUM_REPEATS
