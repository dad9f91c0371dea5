"""`python -m benchmarks.crops photos.zip`: how much detail training crops have, of that of what is served.

Detail is the mean squared difference of neighbouring pixels. Crops are cut as a training cuts them, from photos that
are kept at several scales.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.pixels.preprocessing import preprocess
from training.config import TrainingConfig, preset, replaced
from training.crops import cut, decode_whole, random_boxes, sizes_of
from training.data import load_dataset
from training.dataset import Pixels

SCALES = (1.0, 1.5, 1.75, 2.0, 4.0)


def detail(pixels: Pixels) -> float:
    """Return the mean squared difference of neighbours, of uint8 [N, H, W, 3]."""
    values = pixels.astype(np.float32)
    return float((np.diff(values, axis=1) ** 2).mean() + (np.diff(values, axis=2) ** 2).mean())


def crops_of(photos: Sequence[bytes], config: TrainingConfig, short_px: int) -> tuple[Pixels, float]:
    """Cut one random crop of each photo; returns them and the milliseconds of processor time that one took."""
    whole = [decode_whole(photo, short_px)[None] for photo in photos]
    sizes = np.concatenate([sizes_of(photo, np.array([0])) for photo in whole])
    boxes = random_boxes(sizes, config.augmentation.min_area, np.random.default_rng(config.seed))
    begun_s = time.process_time()
    crops = np.stack([cut(photo, 0, box, config.image_px) for photo, box in zip(whole, boxes, strict=True)])
    return crops, 1000 * (time.process_time() - begun_s) / len(photos)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crops")
    parser.add_argument("data", type=Path, help="class folders, or a zip file of them")
    parser.add_argument("--image-px", type=int, nargs="+", default=[96, 128])
    parser.add_argument("--num-photos", type=int, default=300)
    options = parser.parse_args(arguments)
    train = load_dataset(options.data, preset("photos").held_out).train
    chosen = np.random.default_rng(0).permutation(len(train))[: options.num_photos]
    photos = [train.read(int(index)) for index in chosen]
    print(
        "| input | short side of what is kept | part of the detail of what is served | ms a crop |\n|---|---|---|---|"
    )
    for image_px in options.image_px:
        config = replaced(preset("photos"), {"image_px": image_px})
        served = detail(np.stack([preprocess(photo, config.pixels) for photo in photos]))
        for scale in SCALES:
            crops, cost_ms = crops_of(photos, config, round(scale * image_px))
            print(
                f"| {image_px} px | {scale:g} x the input | {detail(crops) / served:.2f} | {cost_ms:.2f} |", flush=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
