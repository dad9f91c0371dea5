"""Prints what the official messages of the protocol are, as tritonclient has them: fields, enumerations, calls.

It runs in an environment of its own (requirements/clients.txt); `described` is what a test asks of ours, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def described(files: Iterable[Any]) -> dict[str, list[Any]]:
    """Name each field, value and call of FileDescriptorProtos, with its number and its types."""
    facts: dict[str, list[Any]] = {}
    for file in files:
        for message in file.message_type:
            facts.update(_of_message(message, file.package))
        for enumeration in file.enum_type:
            facts.update(_of_enumeration(enumeration, file.package))
        for service in file.service:
            for call in service.method:
                kinds = [call.input_type, call.client_streaming, call.output_type, call.server_streaming]
                facts[f"{file.package}.{service.name}.{call.name}"] = kinds
    return facts


def _of_message(message: Any, package: str) -> Iterator[tuple[str, list[Any]]]:
    path = f"{package}.{message.name}"
    for field in message.field:
        yield f"{path}.{field.name}", [field.number, field.type, field.label, field.type_name]
    for nested in message.nested_type:
        yield from _of_message(nested, path)
    for enumeration in message.enum_type:
        yield from _of_enumeration(enumeration, path)


def _of_enumeration(enumeration: Any, package: str) -> Iterator[tuple[str, list[Any]]]:
    for value in enumeration.value:
        yield f"{package}.{enumeration.name}.{value.name}", [value.number]


def main() -> None:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from tritonclient.grpc import model_config_pb2, service_pb2

    files = [FileDescriptorProto.FromString(each.DESCRIPTOR.serialized_pb) for each in (service_pb2, model_config_pb2)]
    print(json.dumps(described(files)))


if __name__ == "__main__":
    main()
