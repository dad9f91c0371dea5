"""LitServe: batches of uploads, decoded and run in one worker process a core.

https://lightning.ai/docs/litserve/features/batching
"""

# No `from __future__ import annotations`: LitServe reads the annotation of `decode_request` as a type.
import os
from collections.abc import Sequence
from typing import Any

import litserve
from fastapi import Request

from benchmarks.peers.servers.classifier import BATCH_WAIT_S, MAX_BATCH_SIZE, Classifier, num_workers


class Photos(litserve.LitAPI):
    """Takes a photo as a form's field `image`."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the model; LitServe calls it in each worker process."""
        self._classifier = Classifier()

    def decode_request(self, request: Request) -> bytes:
        """The upload as it came; LitServe hands over the form that it has read."""
        upload: bytes = request["image"].file.read()
        return upload

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """A list is a batch: the pictures may differ in size."""
        return inputs

    def predict(self, inputs: Sequence[bytes]) -> list[dict[str, Any]]:
        """Classify a batch."""
        return self._classifier.classify(inputs)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """An answer for each."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """It is JSON already."""
        return output


if __name__ == "__main__":
    api = Photos(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_WAIT_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=num_workers(), fast_queue=True)
    server.run(host="127.0.0.1", port=int(os.environ["PEER_PORT"]), generate_client_file=False, log_level="warning")
