"""An inference request: read from its JSON, and from the bytes of tensors that may follow it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.json_document import parse_object
from server.open_inference.datatypes import BYTES, DATATYPES, NUMBERS
from server.request_errors import RequestError

MAX_NAME_CHARACTERS = 40  # of a client's own words in a message
SHARED_MEMORY = "shared_memory_region"
SEQUENCE = ("sequence_id", "sequence_start", "sequence_end")
INSTEAD = "larger tensors as bytes after it (parameters.binary_data_size), or encoded images"


@dataclass(frozen=True, slots=True)
class InputTensor:
    """A tensor of a request; what it holds is in `data`, as JSON has it, or in `content`, as bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | None = None
    content: memoryview | None = None


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """How an output is wanted: as bytes or in JSON, and whole or as its largest values with their labels."""

    name: str
    is_binary: bool = False
    num_classes: int = 0


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """What a client asks.

    Attributes:
        outputs: that it names; None: all there are.
        is_binary: how outputs are wanted that it does not name.
        timeout_s: None: the server's own.
    """

    inputs: tuple[InputTensor, ...]
    outputs: tuple[RequestedOutput, ...] | None = None
    id: str | None = None
    is_binary: bool = False
    timeout_s: float | None = None


# Takes the next so many bytes for an input that is named.
Take = Callable[[int, str], memoryview]


class Pieces:
    """The bytes after the JSON, from which inputs take theirs in their order."""

    def __init__(self, rest: memoryview) -> None:
        self.rest = rest

    def take(self, num_bytes: int, where: str) -> memoryview:
        """Take the next bytes; raises RequestError where there are fewer."""
        if num_bytes > len(self.rest):
            raise RequestError(f"{where} should have {num_bytes} bytes after the JSON, {len(self.rest)} are left")
        taken, self.rest = self.rest[:num_bytes], self.rest[num_bytes:]
        return taken


def read_request(body: bytes | bytearray | memoryview, header_length: str | None) -> InferenceRequest:
    """Read a request.

    Args:
        body: JSON, then the bytes of the inputs that announce some.
        header_length: the header Inference-Header-Content-Length, how many bytes are JSON; None: all of them.

    Raises:
        RequestError: it is not as the protocol has it; says what is wrong, and what is allowed.
    """
    view = memoryview(body)
    num_json_bytes = len(view) if header_length is None else _header_length(header_length, len(view))
    if header_length is not None and num_json_bytes == 0:
        whole = InputTensor("", BYTES, (1,), content=view)
        return InferenceRequest((whole,), is_binary=True)
    document = parse_object(body if num_json_bytes == len(view) else view[:num_json_bytes], instead=INSTEAD)
    pieces = Pieces(view[num_json_bytes:])
    request = read_document(document, pieces.take)
    if pieces.rest:
        raise RequestError(f"{len(pieces.rest)} bytes after the JSON belong to no input (parameters.binary_data_size)")
    return request


def read_document(document: Mapping[str, Any], take: Take) -> InferenceRequest:
    """Read a request whose JSON has been parsed.

    Args:
        document: the request.
        take: gives the bytes of each input that announces some, in their order.

    Raises:
        RequestError: it is not as the protocol has it.
    """
    parameters = _parameters(document, "the request")
    if any(parameters.get(key) for key in SEQUENCE):  # 0 and "" say that there is none
        raise RequestError("sequences are not offered here, leave out parameters.sequence_id: requests stand alone")
    inputs = tuple(_input(record, f"inputs[{index}]", take) for index, record in enumerate(_list(document, "inputs")))
    is_binary = _flag(parameters, "binary_data_output", "the request")
    outputs = None
    if document.get("outputs"):
        records = enumerate(_list(document, "outputs"))
        outputs = tuple(_output(record, f"outputs[{index}]", is_binary) for index, record in records)
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise RequestError(f"id must be a string, got {type(identifier).__name__}")
    timeout_us = parameters.get("timeout")
    if timeout_us is not None and not _is_count(timeout_us):
        raise RequestError("parameters.timeout must be a whole number of microseconds, at least 1")
    return InferenceRequest(inputs, outputs, identifier, is_binary, timeout_us and timeout_us / 1e6)


def _header_length(text: str, num_bytes: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= num_bytes):
        raise RequestError(
            "Inference-Header-Content-Length must be the number of bytes of the JSON, from 0 to the body's "
            f"{num_bytes}, got {text[:MAX_NAME_CHARACTERS]!r}"
        )
    return int(text)


def _input(record: Any, where: str, take: Take) -> InputTensor:
    name, datatype = _text(record, "name", where), _text(record, "datatype", where)
    if datatype not in DATATYPES:
        raise RequestError(
            f"{where}.datatype must be one of {', '.join(DATATYPES)}, got {datatype[:MAX_NAME_CHARACTERS]!r}"
        )
    shape = record.get("shape")
    if not isinstance(shape, list) or not all(_is_count(size, at_least=0) for size in shape):
        raise RequestError(f"{where}.shape must be a list of whole numbers")
    parameters = _parameters(record, where)
    if SHARED_MEMORY in parameters:
        raise RequestError(f"{where} is in shared memory, which this server does not offer; send it in the request")
    num_bytes, data = parameters.get("binary_data_size"), record.get("data")
    if num_bytes is None:
        if not isinstance(data, list):
            raise RequestError(f"{where} must have its elements in data, or as bytes (parameters.binary_data_size)")
        return InputTensor(name, datatype, tuple(shape), data=data)
    if not _is_count(num_bytes, at_least=0):
        raise RequestError(f"{where}.parameters.binary_data_size must be a whole number of bytes")
    if data is not None:
        raise RequestError(f"{where} has data and parameters.binary_data_size; one of them is its content")
    if datatype != BYTES and num_bytes != (due := math.prod(shape) * NUMBERS[datatype].itemsize):
        raise RequestError(f"{where} must have {due} bytes by its shape and datatype, binary_data_size is {num_bytes}")
    return InputTensor(name, datatype, tuple(shape), content=take(num_bytes, where))


def _output(record: Any, where: str, is_binary: bool) -> RequestedOutput:
    parameters = _parameters(record, where)
    if SHARED_MEMORY in parameters:
        raise RequestError(f"{where} is wanted in shared memory, which this server does not offer")
    num_classes = parameters.get("classification", 0)
    if not _is_count(num_classes, at_least=0):
        raise RequestError(f"{where}.parameters.classification must be a number of classes")
    return RequestedOutput(
        _text(record, "name", where), _flag(parameters, "binary_data", where, default=is_binary), num_classes
    )


def _list(record: Mapping[str, Any], key: str) -> list[Any]:
    items = record.get(key)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise RequestError(f"{key} must be a list of objects, at least one")
    return items


def _text(record: Mapping[str, Any], key: str, where: str) -> str:
    text = record.get(key)
    if not isinstance(text, str):
        raise RequestError(f"{where}.{key} must be a string")
    return text


def _parameters(record: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = record.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(f"the parameters of {where} must be an object")
    return parameters


def _flag(parameters: Mapping[str, Any], key: str, where: str, *, default: bool = False) -> bool:
    flag = parameters.get(key, default)
    if not isinstance(flag, bool):
        raise RequestError(f"parameters.{key} of {where} must be true or false")
    return flag


def _is_count(value: Any, *, at_least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and at_least <= value < 2**63
