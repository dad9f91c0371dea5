"""Draws the images that fix the ranges of int8 activations: from the training set, or pictures of one's own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import ImageError
from models.files.file_tree import open_tree
from models.files.hidden import is_hidden
from models.pixels.preprocessing import Pixels, PixelSpec, preprocess
from optimize.settings import Quantization
from training.dataset import DatasetError, Split, Targets

Indices = npt.NDArray[np.int64]

NUM_IMAGES = 512
# A large one takes 0.14 s: of three networks at 224 px, 32 to 512 images had the same accuracy (docs/compression.md).
LARGE_PX, NUM_LARGE_IMAGES = 128, 64


def calibration_images(quantization: Quantization, train: Split, spec: PixelSpec, *, seed: int) -> list[Pixels]:
    """Draw images without replacement, as the server would see them: uint8 [H, W, 3] each.

    Args:
        quantization: says which, and how many; fewer come back where there are fewer.
        train: the training images.
        spec: what to make of each image.
        seed: of the draw.

    Raises:
        DatasetError: a picture cannot be read or decoded, which the message names; or there is none.
        ValueError: too few for one of each class.
    """
    is_large = max(spec.height_px, spec.width_px) > LARGE_PX
    num_images = quantization.num_calibration_images or (NUM_LARGE_IMAGES if is_large else NUM_IMAGES)
    if quantization.calibration_images:
        return list(drawn_pictures(quantization.calibration_images, num_images, spec, seed=seed).values())
    draw = balanced_indices if quantization.calibration == "balanced" else random_indices
    return [preprocess(train.read(int(index)), spec) for index in draw(train.targets, num_images, seed)]


def random_indices(targets: Targets, num_images: int, seed: int) -> Indices:
    """Draw `num_images` of the images whose classes are `targets`, int64 [N], or all if there are no more."""
    return np.random.default_rng(seed).permutation(len(targets))[:num_images]


def balanced_indices(targets: Targets, num_images: int, seed: int) -> Indices:
    """Draw the same number of each class, as many as `num_images` and the rarest class allow."""
    rng = np.random.default_rng(seed)
    members = [rng.permutation(np.flatnonzero(targets == target)) for target in np.unique(targets)]
    if num_images < len(members):
        raise ValueError(
            f"balanced calibration takes the same number of each of {len(members)} classes: "
            f"num_calibration_images must be >= {len(members)}, got {num_images}"
        )
    num_each = min(num_images // len(members), *(len(indices) for indices in members))
    return np.concatenate([indices[:num_each] for indices in members])


def drawn_pictures(path: Path, num_images: int, spec: PixelSpec, *, seed: int) -> dict[str, Pixels]:
    """Draw pictures from a folder or zip file, by their paths in there, sorted.

    Raises:
        DatasetError: there is no picture, or one cannot be read or decoded, which the message names.
    """
    if not path.is_dir() and not (path.is_file() and zipfile.is_zipfile(path)):
        raise DatasetError(f"calibration images must be a folder or a zip file, got {path}")
    files = [file for file in open_tree(path).files if not is_hidden(file.path)]
    if not files:
        raise DatasetError(f"{path.name} holds no picture to calibrate on")
    images = {}
    for index in sorted(np.random.default_rng(seed).permutation(len(files))[:num_images]):
        try:
            images[files[index].path] = preprocess(files[index].read(), spec)
        except (ImageError, OSError) as error:
            raise DatasetError(f"cannot calibrate on {files[index].path}: {error}") from error
    return images
