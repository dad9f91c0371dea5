"""The settings of a training, and the presets, which hold only what differs from the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from models.checks import at_least, one_of, within
from models.pixels.preprocessing import PixelSpec
from models.store.fields import validate_text
from training.dataset import DEFAULT_MAX_PIXELS, HeldOut, Reading

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Crop = Literal["none", "shift", "resized"]
Fill = Literal["grey", "image"]

STORED_SCALE = 1.75  # of the input: so that all but the smallest crops are scaled down; `benchmarks.crops`
NOTHING = "none"  # random weights
# Networks whose weights of ImageNet are known, and the side of the images that they were made for.
BACKBONES = {"lite0": 224, "lite2": 260}


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The random variation of training images.

    Attributes:
        crop: "shift" moves by up to `shift_px`, mirroring the border; "resized" takes a random part of the image
            (arXiv:1409.4842, section 6) with an area of `min_area` to 1 and an aspect ratio of 3/4 to 4/3.
        shift_px: for "shift".
        min_area: for "resized", a fraction in (0, 1].
        flip: mirror left to right in every other epoch, a random half of the images beginning mirrored
            (arXiv:2404.00498, section 3.6).
        cutout_px: side of a square that is covered; 0 for none.
        cutout_fill: covers it with "grey" (arXiv:1708.04552), or with the same place of another "image" of the batch
            (arXiv:1905.04899). The label stays, so the second is for a teacher, which labels it (arXiv:2106.05237).
        rand_magnitude: strength of RandAugment's two operations (arXiv:1909.13719), 1 to 10; 0 for none.
        erasing: probability that a box is covered with noise (arXiv:1708.04896).
        mixup: alpha of mixup (arXiv:1710.09412), which blends two images and their labels; 0 for none.
        cutmix: alpha of CutMix (arXiv:1905.04899), which puts a box of one image into another, and its label in part; 0
            for none.
    """

    crop: Crop = "shift"
    shift_px: int = 4
    min_area: float = 0.35
    flip: bool = True
    cutout_px: int = 0
    cutout_fill: Fill = "grey"
    rand_magnitude: int = 0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        at_least(0, shift_px=self.shift_px, cutout_px=self.cutout_px)
        within("(0, 1]", min_area=self.min_area)
        within("[0, 10]", rand_magnitude=self.rand_magnitude)
        within("[0, 1]", erasing=self.erasing)
        within("[0, inf)", mixup=self.mixup, cutmix=self.cutmix)

    @property
    def is_mixed(self) -> bool:
        """True where images are of several classes."""
        return self.mixup > 0 or self.cutmix > 0


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The settings of one training: with data and code they fix the result to numerical noise.

    Attributes:
        variant: a key of `VARIANTS` of `models.network.resnet_v2` or of `models.network.efficientnet_lite`.
        width: channels of the first stack; None for the variant's own, which EfficientNet-Lite has alone.
        norm: "batch" or, of ResNet-v2, "group".
        image_px: side of the square input.
        crop_fraction: centre part of an image that is classified, in (0, 1].
        epochs: passes over the training images.
        small_fraction: progressive resizing: the part of the steps, from the first on, that learns from images of
            `small_px`, in [0, 1). They have 9/16 of the pixels, so a step takes less time; the steps of full size that
            follow win the accuracy back (arXiv:2104.00298, section 4).
        batch_size: images a step.
        peak_lr: highest learning rate, for `batch_size` as given.
        warmup_fraction: part of the steps in which the learning rate rises, in [0, 1).
        momentum: Nesterov momentum.
        weight_decay: L2 penalty on kernels (not on biases or normalization).
        label_smoothing: in [0, 1), arXiv:1512.00567.
        average_decay: decay of the exponential moving average (EMA) of the weights, which is evaluated and exported; 0
            for none.
        augmentation: what is done to training images.
        precision: float32, or a mixed-precision policy of Keras.
        xla: compile the step with XLA.
        test_fraction: part of the images held out where the data has no test set of its own.
        validation_fraction: part of the other images held out, to choose by, where the data has no validation set;
            0 chooses by the test set, as runs did before there were three sets.
        validation_from: what it is a part of: "train", or "test" where a network has learned from all training images
            before (`training.restore`).
        seed: of initialisation, order, augmentation and split.
        checkpoint_every_s: seconds between checkpoints inside an epoch.
        patience: epochs without a better validation accuracy after which the training ends; 0 for none.
        keep_best: the result is the best EMA of the weights by validation, not the last.
        layer_decay: factor of the learning rate from a stage of the network to the one before it, in (0, 1].
        clip_norm: norm that the gradients of all weights together are scaled down to where theirs is larger
            (arXiv:1211.5063); 0 for none.
        frozen_stages: first stages of the network that stay as they are.
        frozen_batch_norm: batch normalizations stay as they are.
        frozen_depthwise: depthwise convolutions stay as they are.
        stochastic_depth: part of the images that the last residual branch is left out for; it rises to that from the
            first one on (arXiv:1603.09382); in [0, 1).
        zero_start: blocks begin as their shortcuts: kernels of their last convolutions are 0 (arXiv:1706.02677,
            section 5.1, for networks whose blocks end in a convolution).
        init: what it starts from: "none" for random weights, a key of `BACKBONES`, NAME:VERSION of a model, or the
            folder of a finished run. From a network that was trained before, a head is fitted first, and all layers
            learn after that for as many of `epochs` as the time is enough for (`training.transfer`).
        minutes: that such a training may take as a whole.
        max_image_pixels: width times height of a photo; one with more is left out. What a server does not accept by
            default, as phones take it, is scaled down to what it does.
        zip_encoding: Python's name of the encoding of names in a zip file that does not say it, such as gbk, cp932 or
            cp1252; "guess" to guess it.
        show_photos_as: the licence of the training photos, and who is to be named, where a server may show some of
            them beside each model that is published; empty where it may not.
        candidate: what is published takes no version's place, however good it is.
    """

    variant: str = "18"
    width: int | None = None
    norm: Literal["batch", "group"] = "batch"
    image_px: int = 128
    crop_fraction: float = 0.875
    epochs: int = 60
    small_fraction: float = 0.0
    batch_size: int = 64
    peak_lr: float = 0.05
    warmup_fraction: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    average_decay: float = 0.999
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(crop="resized"))
    precision: Precision = "float32"
    xla: bool = False
    test_fraction: float = 0.15
    validation_fraction: float = 0.15
    validation_from: Literal["train", "test"] = "train"
    seed: int = 0
    checkpoint_every_s: float = 120.0
    patience: int = 0
    keep_best: bool = False
    layer_decay: float = 1.0
    clip_norm: float = 0.0
    frozen_stages: int = 0
    frozen_batch_norm: bool = False
    frozen_depthwise: bool = False
    stochastic_depth: float = 0.0
    zero_start: bool = False
    max_image_pixels: int = DEFAULT_MAX_PIXELS
    zip_encoding: str = "guess"
    init: str = NOTHING
    minutes: float = 15.0
    show_photos_as: str = ""
    candidate: bool = False

    def __post_init__(self) -> None:
        at_least(1, image_px=self.image_px, epochs=self.epochs, batch_size=self.batch_size)
        at_least(1, max_image_pixels=self.max_image_pixels)
        within("[0, 1)", small_fraction=self.small_fraction, warmup_fraction=self.warmup_fraction)
        within("[0, 1)", momentum=self.momentum, label_smoothing=self.label_smoothing)
        within("[0, 1)", average_decay=self.average_decay, validation_fraction=self.validation_fraction)
        within("(0, 1]", crop_fraction=self.crop_fraction, test_fraction=self.test_fraction)
        within("[0, inf)", peak_lr=self.peak_lr, weight_decay=self.weight_decay, clip_norm=self.clip_norm)
        within("[0, 1)", stochastic_depth=self.stochastic_depth)
        within("(0, 1]", layer_decay=self.layer_decay)
        at_least(0, frozen_stages=self.frozen_stages)
        at_least(0, seed=self.seed, checkpoint_every_s=self.checkpoint_every_s, patience=self.patience)
        within("(0, inf)", minutes=self.minutes)
        if self.show_photos_as:
            validate_text(self.show_photos_as, "show_photos_as")
        at_least(1, width=1 if self.width is None else self.width)
        if self.zero_start and self.norm == "group":
            raise ValueError("zero_start needs norm=batch: no kernel of zeros can be standardized")
        if self.augmentation.crop == "shift":
            within(f"[0, {self.image_px})", shift_px=self.augmentation.shift_px)
        within(f"[0, {self.image_px}]", cutout_px=self.augmentation.cutout_px)

    @property
    def held_out(self) -> HeldOut:
        """How validation and test images are drawn."""
        return HeldOut(self.test_fraction, self.validation_fraction, self.seed, self.validation_from)

    @property
    def reading(self) -> Reading:
        """How files of the data set are read."""
        return Reading(self.max_image_pixels, self.zip_encoding)

    @property
    def pixels(self) -> PixelSpec:
        """The pixels that the finished model expects."""
        return PixelSpec(height_px=self.image_px, width_px=self.image_px, crop_fraction=self.crop_fraction)

    @property
    def small_px(self) -> int:
        """Side of the images in the first part of progressive resizing: three quarters of `image_px`."""
        return max(1, self.image_px * 3 // 4)

    @property
    def stored_px(self) -> int | None:
        """Short side of the whole photos that "resized" crops are cut from; None where images are kept as served."""
        return round(STORED_SCALE * self.image_px) if self.augmentation.crop == "resized" else None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read the JSON form."""
        since = {"validation_fraction": 0.0}  # what earlier runs did before they could be told
        known = {name: value for name, value in values.items() if name != "classifier_rate"}  # which there was once
        return cls(**{**since, **known, "augmentation": Augmentation(**values["augmentation"])})


PRESETS: dict[str, dict[str, Any]] = {
    "photos": {
        "init": "lite0",
        "variant": "lite0",
        "image_px": BACKBONES["lite0"],
        "crop_fraction": 1.0,
        "epochs": 20,
        "batch_size": 32,
        "weight_decay": 1e-5,
        "average_decay": 0.99,
        "layer_decay": 0.8,
        "clip_norm": 1.0,
        "frozen_stages": 4,
        "frozen_batch_norm": True,
        "frozen_depthwise": True,
    },
    "scratch": {},
    "cifar10": {
        "variant": "20",
        "width": 32,
        "image_px": 32,
        "crop_fraction": 1.0,
        "small_fraction": 0.6,
        "validation_fraction": 0.1,
        "batch_size": 128,
        "peak_lr": 0.1,
        "augmentation.crop": "shift",
        "augmentation.cutout_px": 8,
    },
    "smoke": {
        "variant": "8",
        "width": 16,
        "image_px": 32,
        "crop_fraction": 1.0,
        "epochs": 2,
        "batch_size": 32,
        "warmup_fraction": 0.25,
        "average_decay": 0.9,
        "augmentation.crop": "shift",
    },
}


def preset(name: str) -> TrainingConfig:
    """Return the configuration of that name; ValueError names those there are."""
    one_of(PRESETS, preset=name)
    return replaced(TrainingConfig(), PRESETS[name])


def replaced(config: TrainingConfig, changes: Mapping[str, Any]) -> TrainingConfig:
    """Return a copy with some fields changed; `augmentation.crop` names a field of the augmentation."""
    own = {name: value for name, value in changes.items() if "." not in name}
    nested = {name.removeprefix("augmentation."): value for name, value in changes.items() if "." in name}
    if nested:
        own["augmentation"] = dataclasses.replace(config.augmentation, **nested)
    return dataclasses.replace(config, **own)
