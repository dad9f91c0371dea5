"""`python -m benchmarks.augmentation cifar10.npz`: what each augmentation is worth, on validation images.

A small network learns from a part of the training images of an .npz file, once as it is and once with each switch, and
is measured on another part of them; the test images are not looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from models.network.architectures import build
from models.network.normalization import normalize
from training.architecture import architecture_of
from training.config import TrainingConfig, preset, replaced
from training.loop import fit
from training.pixel_sets import PixelSets
from training.zero_start import zero_branches

BASE = {
    "variant": "8",
    "width": 8,
    "batch_size": 64,
    "small_fraction": 0.0,
    "average_decay": 0.99,
    "augmentation.cutout_px": 0,
}
SWITCHES: dict[str, dict[str, Any]] = {
    "shift and flip": {},
    "without flip": {"augmentation.flip": False},
    "without shift": {"augmentation.crop": "none"},
    "cutout, 8 px": {"augmentation.cutout_px": 8},
    "RandAugment, magnitude 5": {"augmentation.rand_magnitude": 5},
    "random erasing, 0.25": {"augmentation.erasing": 0.25},
    "mixup, alpha 0.2": {"augmentation.mixup": 0.2},
    "CutMix, alpha 1": {"augmentation.cutmix": 1.0},
    "stochastic depth, 0.1": {"stochastic_depth": 0.1},
    "zero start": {"zero_start": True},
}
BATCH_SIZE = 500
NUM_WATCHED = 250  # images that the loop measures after each epoch, which is not of interest here


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and measure; prints a line of JSON after each training, and the table at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augmentation")
    parser.add_argument("data", type=Path, help="an .npz file with x_train and y_train, such as CIFAR-10")
    parser.add_argument("--num-train", type=int, default=4000)
    parser.add_argument("--num-validation", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    base = replaced(preset("cifar10"), {**BASE, "epochs": options.epochs})
    rights: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in SWITCHES}
    for seed in options.seeds:
        images = draw(options.data, options.num_train, options.num_validation, seed)
        for name, changes in SWITCHES.items():
            right = measured(replaced(base, {**changes, "seed": seed}), images)
            rights[name].append(right)
            print(json.dumps({"switch": name, "seed": seed, "accuracy": right.mean(), "n": len(right)}), flush=True)
    print(table({name: np.concatenate(each) for name, each in rights.items()}))
    return 0


def draw(path: Path, num_train: int, num_validation: int, seed: int) -> PixelSets:
    """Draw two parts of the training images, without an image in both."""
    with np.load(path) as arrays:
        pixels, targets = arrays["x_train"], arrays["y_train"].reshape(-1).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(targets))
    train, validation = order[:num_train], order[num_train : num_train + num_validation]
    return PixelSets(pixels[train], targets[train], pixels[validation], targets[validation])


def measured(config: TrainingConfig, images: PixelSets) -> npt.NDArray[np.bool_]:
    """Train, and return which validation images are classified rightly."""
    keras.utils.set_random_seed(config.seed)
    model = build(architecture_of(config, num_classes=int(images.train_targets.max()) + 1))
    if config.zero_start:
        zero_branches(model)
    watched = {name: getattr(images, name)[:NUM_WATCHED] for name in ("validation", "validation_targets")}
    with tempfile.TemporaryDirectory() as workdir:
        model = fit(model, replace(images, **watched), config=config, workdir=Path(workdir))
    starts = range(0, len(images.validation), BATCH_SIZE)
    logits = [model(normalize(images.validation[start : start + BATCH_SIZE])).numpy() for start in starts]
    is_right: npt.NDArray[np.bool_] = np.concatenate(logits).argmax(axis=1) == images.validation_targets
    return is_right


def table(rights: dict[str, npt.NDArray[np.bool_]]) -> str:
    """Return the rows, with the paired difference to the first one and its 95 % interval (Agresti and Min, 2005)."""
    base = next(iter(rights.values()))
    lines = ["| training images | right of the validation images | difference |", "|---|---|---|"]
    for name, right in rights.items():
        won, lost, num = int((right & ~base).sum()), int((base & ~right).sum()), len(base) + 2
        difference = (won - lost) / num
        half = 1.96 * np.sqrt(((won + lost + 1) / num - difference**2) / num)
        interval = "" if right is base else f"{100 * difference:+.1f} ({100 * (difference - half):+.1f} to "
        interval += "" if right is base else f"{100 * (difference + half):+.1f})"
        lines.append(f"| {name} | {right.mean():.1%} | {interval} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
