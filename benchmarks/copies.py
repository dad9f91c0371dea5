"""`python -m benchmarks.copies photos.zip`: which changed copies of photos are found again, among all of them."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from training.copies import Thumbnails, find_copies
from training.dataset import Reading
from training.examine import thumbnail_of
from training.image_folders import load_unlabelled

Picture = Image.Image


def cropped(picture: Picture, part: float) -> Picture:
    """Cut off so much of the width and of the height, half on each side."""
    width, height = picture.size
    left, top = part / 2 * width, part / 2 * height
    return picture.crop((int(left), int(top), int(width - left), int(height - top)))


def brighter(picture: Picture, factor: float) -> Picture:
    """Multiply the brightness."""
    return ImageEnhance.Brightness(picture).enhance(factor)


CHANGES: dict[str, tuple[Callable[[Picture], Picture], int]] = {  # and the quality of the JPEG
    "saved at quality 30": (lambda picture: picture, 30),
    "saved at quality 10": (lambda picture: picture, 10),
    "half the size": (lambda picture: picture.resize((picture.width // 2, picture.height // 2)), 90),
    "twice the size": (lambda picture: picture.resize((picture.width * 2, picture.height * 2)), 90),
    "squeezed to a square": (lambda picture: picture.resize((150, 150)), 90),
    "20 % brighter": (lambda picture: brighter(picture, 1.2), 90),
    "20 % darker": (lambda picture: brighter(picture, 0.8), 90),
    "1 % cut off each side": (lambda picture: cropped(picture, 0.02), 90),
    "2.5 % cut off each side": (lambda picture: cropped(picture, 0.05), 90),
    "5 % cut off each side": (lambda picture: cropped(picture, 0.1), 90),
    "1.5 % cut off, 15 % brighter": (lambda picture: brighter(cropped(picture, 0.03), 1.15), 50),
    "turned by 2 degrees": (lambda picture: picture.rotate(2), 90),
    "mirrored": (lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 90),
}


def changed(photo: bytes, change: Callable[[Picture], Picture], quality: int) -> Thumbnails:
    """Return the thumbnail of a photo that was changed and saved as a JPEG."""
    file = io.BytesIO()
    change(Image.open(io.BytesIO(photo)).convert("RGB")).save(file, "JPEG", quality=quality)
    return thumbnail_of(file.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copies")
    parser.add_argument("data", type=Path, help="a folder or zip file of photos")
    parser.add_argument("--num-photos", type=int, default=300, help="that are changed")
    options = parser.parse_args(arguments)
    photos, _ = load_unlabelled(options.data, Reading())
    chosen = np.random.default_rng(0).permutation(len(photos))[: options.num_photos]
    thumbnails = np.stack([thumbnail_of(photo) for photo in photos.encoded()])
    begun_s = time.process_time()
    group = find_copies([str(index) for index in range(len(photos))], thumbnails).group
    num_groups = int((np.bincount(group) > 1).sum())
    print(f"{len(photos)} photos, {num_groups} groups of copies, found in {time.process_time() - begun_s:.1f} s of CPU")
    print("\n| change | found again |\n|---|---|")
    for name, (change, quality) in CHANGES.items():
        copies = np.stack([changed(photos.read(int(index)), change, quality) for index in chosen])
        digests = [str(index) for index in range(len(photos) + len(copies))]
        found = find_copies(digests, np.concatenate([thumbnails, copies])).group
        print(f"| {name} | {(found[len(photos) :] == found[chosen]).sum()} of {len(chosen)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
