"""Show what the network sees of some training images: each as it is cut and changed in a few epochs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from training.batches import Batches
from training.config import TrainingConfig
from training.dataset import Split
from training.pixel_sets import training_decoder
from training.pixel_store import PixelStore, write_pixels
from training.report.thumbnails import data_url

NUM_IMAGES = 6
NUM_EPOCHS = 6


def augmented(split: Split, config: TrainingConfig) -> list[list[str]]:
    """Return addresses of pictures, a row for each of the first images of some classes, a column for each epoch."""
    targets, firsts = np.unique(split.targets, return_index=True)
    chosen = np.sort(firsts[np.linspace(0, len(targets) - 1, min(NUM_IMAGES, len(targets))).round().astype(int)])
    decode = training_decoder(config)
    with TemporaryDirectory() as folder:
        path = Path(folder, "photos")
        write_pixels(path, len(chosen), lambda index: decode(split.read(int(chosen[index]))))
        batches = Batches(
            PixelStore(path),
            np.arange(len(chosen)),  # a batch is not shuffled: an image is always in the same place
            augmentation=config.augmentation,
            image_px=config.image_px,
            batch_size=len(chosen),
            seed=config.seed,
            num_classes=len(chosen),
        )
        epochs = [[data_url(picture) for picture in batch.numpy()] for batch, _ in batches.made(range(NUM_EPOCHS))]
    return [list(row) for row in zip(*epochs, strict=True)]
