"""The messages of protos/, made of the descriptors that `make protos` compiles of them.

No code is generated, so none has to fit the version of protobuf that is installed. The descriptors have a pool of their
own: other libraries in the process may bring files of the same names.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

COMPILED = Path(__file__).with_name("protos") / "compiled.binpb"


@cache
def message_class(name: str) -> Any:
    """Find the class of a message by its full name, such as ``inference.ModelInferRequest``."""
    return _classes()[name]


@cache
def _classes() -> dict[str, Any]:
    files = descriptor_pb2.FileDescriptorSet.FromString(COMPILED.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:  # each after those that it imports
        pool.Add(file)
    return dict(message_factory.GetMessageClassesForFiles([file.name for file in files], pool))
