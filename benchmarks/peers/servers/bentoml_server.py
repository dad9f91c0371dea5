"""BentoML: a service with adaptive batching and without, one worker process a core; photos are files of a form.

https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bentoml

from benchmarks.peers.servers.classifier import MAX_BATCH_SIZE, Classifier, num_workers


@bentoml.service(workers=num_workers(), logging={"access": {"enabled": False}})
class Photos:
    """Takes photos as a form's field `photos`, or one as `photo`."""

    def __init__(self) -> None:
        """Load the model; BentoML calls it in each worker process."""
        self._classifier = Classifier()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_SIZE, max_latency_ms=60_000)
    def classify(self, photos: list[Path]) -> list[dict[str, Any]]:
        """Classify what BentoML has made a batch of."""
        return self._classifier.classify([photo.read_bytes() for photo in photos])

    @bentoml.api
    def classify_one(self, photo: Path) -> dict[str, Any]:
        """Classify one, at once."""
        [answer] = self._classifier.classify([photo.read_bytes()])
        return answer
