"""Have a model answer encoded images, through the preprocessing and the runtime that serve it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models.pixels.preprocessing import PixelSpec, preprocess
from models.plural import how_many
from models.runtime import Runtime
from models.runtime.tensors import Probabilities
from training.dataset import Split
from training.progress import Progress

BATCH_SIZE = 32


def predict(runtime: Runtime, split: Split, spec: PixelSpec) -> Probabilities:
    """Return the probabilities, float32 [N, C], of every image's encoded bytes."""
    parts, starts = [], range(0, len(split), BATCH_SIZE)
    progress = Progress(num_steps=len(starts), batch_size=BATCH_SIZE)
    with ThreadPoolExecutor() as pool:
        for step, start in enumerate(starts):
            if step:
                progress.advance(step, lambda: f"measuring on {how_many(len(split), 'image')}")
            indices = range(start, min(start + BATCH_SIZE, len(split)))
            pixels = pool.map(lambda index: preprocess(split.read(index), spec), indices)
            parts.append(runtime.run(list(pixels)))
    progress.end()
    return np.concatenate(parts)
