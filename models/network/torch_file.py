"""Reads the tensors of a file of PyTorch without PyTorch, and without running anything that the file says."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_MALFORMED = (AttributeError, EOFError, LookupError, TypeError, ValueError)


def read_tensors(path: Path) -> dict[str, Array]:
    """Read a state dict as PyTorch wrote it until version 1.5: pickles, and after them the bytes of the storages.

    Returns:
        Each tensor by its name, in the order of the file.

    Raises:
        ValueError: it is no such file, or has other things in it than tensors of float32 and int64.
    """
    with path.open("rb") as file:
        try:
            if _Unpickler(file).load() != MAGIC_NUMBER:
                raise pickle.UnpicklingError("it begins with another number")
            _version, _system, tensors, keys = (_Unpickler(file).load() for _ in range(4))
            dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in tensors.values()}
            numbers = {}
            for key in keys:
                (length,) = struct.unpack("<q", file.read(8))
                numbers[key] = np.frombuffer(file.read(length * dtypes[key].itemsize), dtypes[key])
            return {name: tensor.of(numbers[tensor.storage.key]) for name, tensor in tensors.items()}
        except (pickle.UnpicklingError, struct.error, *_MALFORMED) as error:
            raise ValueError(f"{path.name} is not a file of tensors as PyTorch 1.5 writes it: {error}") from error


@dataclass(frozen=True, slots=True)
class _Storage:
    """The numbers of one or several tensors: their place in the file, and their type."""

    key: str
    dtype: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, numbers: Array) -> Array:
        last = self.offset + sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.shape, *self.strides, last + 1, 0) < 0 or last >= len(numbers):
            raise pickle.UnpicklingError(f"a tensor of shape {self.shape} reaches beyond its storage")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


class _Unpickler(pickle.Unpickler):
    """Knows OrderedDict, tensors and two types of storage, of which none does anything."""

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        known: dict[tuple[str, str], Callable[..., Any] | str] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no tensor needs")
        return known[module, name]

    def persistent_load(self, pid: tuple[str, str, str, str, int, None]) -> _Storage:
        _, dtype, key, _, _, view = pid
        if view is not None:
            raise pickle.UnpicklingError("it has views of storages")
        return _Storage(key, dtype)


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)
