"""Files of tensors as PyTorch wrote them until version 1.5, made opcode by opcode without PyTorch."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

TYPES = {"float32": "FloatStorage", "int64": "LongStorage", "float64": "DoubleStorage"}


def write_tensors(
    path: Path,
    arrays: Mapping[str, npt.NDArray[np.generic]],
    *,
    number: int = 0x1950A86A20F9469CFC6C,
    entry: bytes = b"",
    num_lost_bytes: int = 0,
) -> Path:
    """Each array in a storage of its own, in the order of its memory; `entry` is a pair of pickled values more."""
    content = pickle.dumps(number, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    pairs = b"".join(value(name) + tensor(name, array) for name, array in arrays.items())
    content += b"\x80\x02" + called("collections", "OrderedDict") + b"(" + pairs + entry + b"u."
    content += pickle.dumps(list(arrays), 2)
    for array in arrays.values():
        content += struct.pack("<q", array.size) + array.ravel("K").tobytes()
    path.write_bytes(content[: len(content) - num_lost_bytes])
    return path


def called(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def tensor(key: str, array: npt.NDArray[np.generic], *, offset: int = 0) -> bytes:
    kind = f"ctorch\n{TYPES[str(array.dtype)]}\n".encode()
    storage = b"(" + value("storage") + kind + value(key) + value("cpu") + value(array.size) + b"NtQ"
    strides = tuple(stride // array.itemsize for stride in array.strides)
    hooks = called("collections", "OrderedDict")
    rest = (value(offset), value(array.shape), value(strides), value(False), hooks)
    return called("torch._utils", "_rebuild_tensor_v2", storage, *rest)


def value(something: object) -> bytes:
    """Opcodes of a plain value, without begin and end of a pickle."""
    return pickle.dumps(something, 2)[2:-1]
