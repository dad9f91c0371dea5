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


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """The output as it is wanted: probabilities, float32 [N, C], or lines of text, N rows of equal length."""

    values: NDArray[np.float32] | Sequence[Sequence[str]]

    @property
    def datatype(self) -> str:
        """The datatype, as the protocol names it."""
        return PROBABILITIES_DATATYPE if isinstance(self.values, np.ndarray) else BYTES

    @property
    def shape(self) -> list[int]:
        """The number of images, and of values for each."""
        return [len(self.values), len(self.values[0])]

    @property
    def elements(self) -> list[Any]:
        """All values, row by row."""
        if isinstance(self.values, np.ndarray):
            return self.values.ravel().tolist()
        return [text for row in self.values for text in row]

    def to_bytes(self) -> bytes:
        """Write the values as the protocol has them in bytes."""
        if isinstance(self.values, np.ndarray):
            return self.values.astype("<f4", copy=False).tobytes()
        return join_elements(text.encode() for text in self.elements)


def output_tensor(wanted: RequestedOutput, model: ServedModel, probabilities: NDArray[np.float32]) -> OutputTensor:
    """Give probabilities, float32 [N, C], as they are wanted: all of them, or the largest with their labels."""
    if not wanted.num_classes:
        return OutputTensor(probabilities)
    return OutputTensor([classified(row, model.labels, wanted.num_classes) for row in probabilities])


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
    tensor = output_tensor(wanted, model, probabilities)
    output: dict[str, Any] = {"name": PROBABILITIES, "datatype": tensor.datatype, "shape": tensor.shape}
    content: bytes | None = None
    if wanted.is_binary:
        content = tensor.to_bytes()
        output["parameters"] = {"binary_data_size": len(content)}
    else:
        output["data"] = tensor.elements
    document: dict[str, Any] = {"model_name": model.name, "model_version": str(model.version)}
    if request.id is not None:
        document["id"] = request.id
    header = _encode({**document, "outputs": [output]}).encode()
    return InferenceResponse(header) if content is None else InferenceResponse(header + content, len(header))


def classified(probabilities: NDArray[np.float32], labels: Sequence[str], num_classes: int) -> list[str]:
    """Write the largest probabilities as the classification extension has them, "0.93:3:dog", the largest first."""
    best = np.argsort(-probabilities, kind="stable")[:num_classes]
    return [f"{probabilities[index]!s}:{index}:{labels[index]}" for index in best]
