"""An inference request as gRPC has it, taken to the document that a client would have sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from server.grpc.parsing import parse
from server.json_document import MAX_NUMBERS
from server.open_inference.datatypes import BYTES, join_elements
from server.open_inference.request import InferenceRequest, read_document
from server.request_errors import RequestError

MAX_DIMENSIONS = 32  # pixels have four


def parse_message(content: bytes) -> Any:
    """Parse an inference.ModelInferRequest; raises RequestError where it is none."""
    return parse(content, "inference.ModelInferRequest")


def read_message(message: Any) -> InferenceRequest:
    """Read an inference.ModelInferRequest.

    Raises:
        RequestError: it is not as the protocol has it; says what is wrong, and what is allowed.
    """
    is_raw = bool(message.raw_input_contents)
    if is_raw and len(message.raw_input_contents) != len(message.inputs):
        raise RequestError(
            f"raw_input_contents must have an element for each of the {len(message.inputs)} inputs, "
            f"got {len(message.raw_input_contents)}"
        )
    contents: list[memoryview] = []
    inputs = [
        _input(tensor, raw, f"inputs[{index}]", contents)
        for index, (tensor, raw) in enumerate(zip_longest(message.inputs, message.raw_input_contents))
    ]
    document = {
        "id": message.id or None,
        "parameters": {**_parameters(message.parameters), "binary_data_output": is_raw},
        "inputs": inputs,
        "outputs": [{"name": each.name, "parameters": _parameters(each.parameters)} for each in message.outputs],
    }
    in_order = iter(contents)
    return read_document(document, lambda _num_bytes, _where: next(in_order))


def _input(tensor: Any, raw: bytes | None, where: str, contents: list[memoryview]) -> dict[str, Any]:
    """Write an input as in JSON; what it has in bytes is added to the contents."""
    if raw is not None and tensor.HasField("contents"):
        raise RequestError(f"{where} has contents, and an element of raw_input_contents; one of them is its content")
    if len(tensor.shape) > MAX_DIMENSIONS:
        raise RequestError(f"{where}.shape may have at most {MAX_DIMENSIONS} numbers, got {len(tensor.shape):,}")
    record = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    parameters = _parameters(tensor.parameters)
    if raw is None and tensor.datatype == BYTES:
        raw = join_elements(tensor.contents.bytes_contents)
    if raw is not None:
        contents.append(memoryview(raw))
        return {**record, "parameters": {**parameters, "binary_data_size": len(raw)}}
    numbers = tensor.contents.uint_contents  # of UINT8, which is all that a model takes
    if tensor.HasField("contents") and not numbers and tensor.datatype == "UINT8":
        raise RequestError(f"{where} of datatype UINT8 must have its numbers in contents.uint_contents")
    if len(numbers) > MAX_NUMBERS:
        raise RequestError(f"{where} may have at most {MAX_NUMBERS:,} numbers; send more in raw_input_contents")
    return {**record, "parameters": parameters, "data": list(numbers)}


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {name: value.WhichOneof("parameter_choice") for name, value in parameters.items()}
    return {name: getattr(parameters[name], choice) for name, choice in chosen.items() if choice}
