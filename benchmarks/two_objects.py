"""Puts two photos side by side into one picture, and looks if the map of each one's label points at its half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from models.explanation.classifier_head import ClassifierHead
from models.pixels.preprocessing import Pixels
from models.runtime import ExplainableRuntime


def side_by_side(left: Pixels, right: Pixels) -> Pixels:
    """Scale two pictures to half of their size, and put them into the middle of one of that size."""
    height, width, _ = left.shape
    joined = np.full_like(left, 128)
    for number, picture in enumerate((left, right)):
        small = np.asarray(Image.fromarray(picture).resize((width // 2, height // 2), Image.Resampling.BILINEAR))
        top, start = height // 4, number * (width // 2)
        joined[top : top + height // 2, start : start + width // 2] = small
    return joined


def pointed_right(
    runtime: ExplainableRuntime, head: ClassifierHead, pictures: Sequence[Pixels], random: np.random.Generator
) -> list[bool]:
    """Pair each picture with another of another label, and tell for both whether its map is highest in its half."""
    labels = [int(runtime.run(picture[None])[0].argmax()) for picture in pictures]
    found = []
    for left, label in enumerate(labels):
        others = [number for number, other in enumerate(labels) if other != label]
        right = int(random.choice(others))
        runtime.run(side_by_side(pictures[left], pictures[right])[None])
        features = runtime.features(0)
        for half, number in enumerate((left, right)):
            columns = head.class_map(features, labels[number]).max(axis=0)
            middle = len(columns) / 2
            hottest = int(columns.argmax()) + 0.5
            found.append(hottest < middle if half == 0 else hottest > middle)
    return found
