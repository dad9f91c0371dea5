"""PyTriton: Triton with its dynamic batcher; a thread a core of this process decodes and runs.

https://triton-inference-server.github.io/pytriton/latest/binding_models/
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.servers.classifier import MAX_BATCH_SIZE, TOP_K, Classifier, num_workers

Arrays = dict[str, Any]


def main() -> None:
    """Serve until SIGTERM."""
    classifier = Classifier(num_workers())

    @batch
    def classify(photo: Any) -> Arrays:
        answers = classifier.classify([upload.item() for upload in photo])
        top_k = [answer["top_k"] for answer in answers]
        return {
            "labels": np.array([[ranked["label"].encode() for ranked in of_one] for of_one in top_k]),
            "probabilities": np.array([[ranked["probability"] for ranked in of_one] for of_one in top_k], np.float32),
        }

    config = TritonConfig(
        http_port=int(os.environ["PEER_PORT"]),
        allow_grpc=False,
        allow_metrics=False,
        http_address="127.0.0.1",
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="photos",
            infer_func=[classify] * num_workers(),
            inputs=[Tensor(name="photo", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="labels", dtype=bytes, shape=(TOP_K,)),
                Tensor(name="probabilities", dtype=np.float32, shape=(TOP_K,)),
            ],
            config=ModelConfig(max_batch_size=MAX_BATCH_SIZE, batcher=DynamicBatcher()),
        )
        triton.serve()


if __name__ == "__main__":
    main()
