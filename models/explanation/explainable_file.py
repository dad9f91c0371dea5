"""A LiteRT file in memory that gives its last feature maps beside the probabilities; the file itself stays as it is.

On disk it has one output, as phones' libraries want it. Its pages are mapped, not read; the three that change are
copied.
"""

from __future__ import annotations

import ctypes
import mmap
from ctypes import c_int, c_long, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.explanation.classifier_head import ClassifierHead
from models.explanation.litert_graph import OUTPUT_BYTES, LiteRTGraph, with_outputs

_MAP_FIXED = 0x10  # mmap(2); Python does not name it

_c = ctypes.CDLL(None)
_c.mmap.restype = c_void_p
_c.mmap.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_long)


@dataclass(frozen=True, slots=True, eq=False)
class ExplainableFile:
    """The bytes that a runtime loads in place of the file.

    Attributes:
        head: what reads the feature maps.
        memory: begins with the file; belongs to whoever holds this.
        num_bytes: of the file, as it is there.
    """

    head: ClassifierHead
    memory: Any
    num_bytes: int

    @property
    def address(self) -> int:
        """The address of its first byte; it holds as long as this is held."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def content(self) -> bytes:
        """Copy it."""
        return bytes(self.memory[: self.num_bytes])


def open_explainable(path: Path) -> ExplainableFile | None:
    """Map a LiteRT file and have it give its feature maps; None where its network does not end in pooling and a layer.

    Raises:
        OSError: it cannot be read.
    """
    num_bytes = path.stat().st_size
    if not num_bytes:
        return None
    memory = _map_with_room(path, num_bytes)
    try:
        graph = LiteRTGraph(memory)
    except ValueError:
        return None  # whoever loads it says what is wrong with it
    head = graph.head()
    if head is None:
        return None
    return ExplainableFile(head, memory, with_outputs(memory, num_bytes, [graph.outputs()[0], head.tensor]))


def _map_with_room(path: Path, num_bytes: int) -> mmap.mmap:
    """Map a file privately, with memory behind it, which no call of Python's does."""
    memory = mmap.mmap(-1, num_bytes + OUTPUT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    with path.open("rb") as file:
        flags = mmap.MAP_PRIVATE | _MAP_FIXED
        found = _c.mmap(address, num_bytes, mmap.PROT_READ | mmap.PROT_WRITE, flags, file.fileno(), 0)
    if found != address:
        raise OSError(f"{path.name} cannot be mapped")
    return memory
