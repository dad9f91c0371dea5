"""The answer to an inference request as gRPC has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.engine.catalogue import ServedModel
from server.grpc.messages import message_class
from server.open_inference.datatypes import BYTES
from server.open_inference.request import InferenceRequest
from server.open_inference.response import PROBABILITIES, output_of, output_tensor


def write_message(request: InferenceRequest, model: ServedModel, probabilities: NDArray[np.float32]) -> Any:
    """Write an inference.ModelInferResponse: as bytes to whom has sent bytes, else in the field of the datatype.

    Args:
        request: that it answers; its id is repeated.
        model: that answered.
        probabilities: float32 [N, C].
    """
    wanted = output_of(request)
    tensor = output_tensor(wanted, model, probabilities)
    message = message_class("inference.ModelInferResponse")(
        model_name=model.name, model_version=str(model.version), id=request.id or ""
    )
    output = message.outputs.add(name=PROBABILITIES, datatype=tensor.datatype, shape=tensor.shape)
    if wanted.is_binary:
        message.raw_output_contents.append(tensor.to_bytes())
    elif tensor.datatype == BYTES:
        output.contents.bytes_contents.extend(text.encode() for text in tensor.elements)
    else:
        output.contents.fp32_contents.extend(tensor.elements)
    return message
