"""The answer to an inference request: JSON, and behind it the bytes of the outputs that were wanted so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.engine.catalogue import ServedModel
from server.open_inference.datatypes import BYTES, join_elements
from server.open_inference.request import MAX_NAME_CHARACTERS, InferenceRequest, RequestedOutput
from server.request_errors import RequestError

PROBABILITIES = "probabilities"  # the output that a model has
PROBABILITIES_DATATYPE = "FP32"

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """An answer as it is sent; `num_json_bytes` of the body are JSON, None: all of them."""

    body: bytes
    num_json_bytes: int | None = None


def output_of(request: InferenceRequest) -> RequestedOutput:
    """Find how the output is wanted.

    Raises:
        RequestError: another output is named, or this one twice.
    """
    if request.outputs is None:
        return RequestedOutput(PROBABILITIES, request.is_binary)
    for output in request.outputs:
        if output.name != PROBABILITIES:
            got = output.name[:MAX_NAME_CHARACTERS]
            raise RequestError(f"the output must be {PROBABILITIES}, got {got!r}")
    if len(request.outputs) > 1:
        raise RequestError(f"the output {PROBABILITIES} must be asked for once, got {len(request.outputs)}")
    return request.outputs[0]


def write_response(
    request: InferenceRequest, wanted: RequestedOutput, model: ServedModel, probabilities: NDArray[np.float32]
) -> InferenceResponse:
    """Write the answer.

    Args:
        request: that it answers; its id is repeated.
        wanted: from `output_of`.
        model: that answered.
        probabilities: float32 [N, C].
    """
    output: dict[str, Any] = {"name": PROBABILITIES}
    content: bytes | None = None
    if wanted.num_classes:
        rows = [classified(row, model.labels, wanted.num_classes) for row in probabilities]
        output |= {"datatype": BYTES, "shape": [len(rows), len(rows[0])]}
        elements = [text for row in rows for text in row]
        if wanted.is_binary:
            content = join_elements(text.encode() for text in elements)
        else:
            output["data"] = elements
    else:
        output |= {"datatype": PROBABILITIES_DATATYPE, "shape": list(probabilities.shape)}
        if wanted.is_binary:
            content = probabilities.astype("<f4", copy=False).tobytes()
        else:
            output["data"] = probabilities.ravel().tolist()
    if content is not None:
        output["parameters"] = {"binary_data_size": len(content)}
    document: dict[str, Any] = {"model_name": model.name, "model_version": str(model.version)}
    if request.id is not None:
        document["id"] = request.id
    header = _encode({**document, "outputs": [output]}).encode()
    return InferenceResponse(header) if content is None else InferenceResponse(header + content, len(header))


def classified(probabilities: NDArray[np.float32], labels: Sequence[str], num_classes: int) -> list[str]:
    """Write the largest probabilities as the classification extension has them, "0.93:3:dog", the largest first."""
    best = np.argsort(-probabilities, kind="stable")[:num_classes]
    return [f"{probabilities[index]!s}:{index}:{labels[index]}" for index in best]
