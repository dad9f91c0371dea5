"""What all peers serve: Opsin's decoding and runtime, so that what differs is the server around them."""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.pixels.preprocessing import preprocess
from models.runtime import Runtime, load_runtime
from models.store.repository import Repository

TOP_K = 5
MAX_BATCH_SIZE = 4  # Opsin's, on the CPU
BATCH_WAIT_S = 0.002  # for a batch to fill, of those that wait


class Classifier:
    """Decodes uploads, runs the model that the environment names, and writes the best classes.

    PEER_REPOSITORY and PEER_MODEL say which model, PEER_THREADS how many threads one run of it takes. Any number of
    threads may call it: it has `num_runtimes` runtimes, and who finds none free waits for one.
    """

    def __init__(self, num_runtimes: int = 1) -> None:
        self._artifact = Repository(Path(os.environ["PEER_REPOSITORY"])).load(os.environ["PEER_MODEL"])
        self._runtimes: queue.SimpleQueue[Runtime] = queue.SimpleQueue()
        for _ in range(num_runtimes):
            self._runtimes.put(load_runtime(self._artifact, num_threads=int(os.environ["PEER_THREADS"])))

    def decode(self, upload: bytes) -> NDArray[np.uint8]:
        """Pixels of the model's size."""
        return preprocess(upload, self._artifact.manifest.pixels)

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Probabilities [N, C]."""
        runtime = self._runtimes.get()
        try:
            return runtime.run(images)
        finally:
            self._runtimes.put(runtime)

    def best(self, probabilities: NDArray[np.float32]) -> dict[str, Any]:
        """The best classes of one image."""
        labels = self._artifact.manifest.labels
        best = np.argsort(-probabilities, kind="stable")[:TOP_K]
        top_k = [{"label": labels[index], "probability": float(probabilities[index])} for index in best]
        return {**top_k[0], "top_k": top_k}

    def classify(self, uploads: Sequence[bytes]) -> list[dict[str, Any]]:
        """All of it, for a batch of uploads."""
        return [self.best(of_one) for of_one in self.run([self.decode(upload) for upload in uploads])]


def num_workers() -> int:
    """Processes, or runtimes, that classify side by side: PEER_WORKERS."""
    return int(os.environ["PEER_WORKERS"])
