"""MLServer: a custom runtime with adaptive batching and parallel inference; photos are base64 in V2 requests.

https://docs.seldon.ai/mlserver/user-guide/custom
"""

from __future__ import annotations

import json

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.servers.classifier import Classifier


class Photos(MLModel):
    """Takes a tensor of base64, a photo each, and answers one of JSON."""

    async def load(self) -> bool:
        """Load the model; MLServer calls it in each worker process."""
        self._classifier = Classifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify what MLServer has made a batch of."""
        answers = self._classifier.classify(Base64Codec.decode_input(payload.inputs[0]))
        output = StringCodec.encode_output("answers", [json.dumps(answer) for answer in answers])
        return InferenceResponse(model_name=self.name, outputs=[output])
