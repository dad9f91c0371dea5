"""Keep decoded images in one file, from which any number of threads read those that they need: never all at once."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.store.durable import remove_leftovers, replacing, temporary_sibling
from training.dataset import Pixels

NUM_CHANNELS = 3
NUM_DECODED_AT_ONCE = 256  # so that what is decoded and not yet written stays small
_SIZE = np.dtype("<i4")
_COUNT_BYTES = 8


class PixelStore:
    """Images, uint8 [height, width, 3] each, in a file that `write_pixels` wrote.

    It is read and not mapped into memory: mapped pages count as this process's, and a disk that fails kills it.

    Attributes:
        sizes: int32 [N, 2], height and width of each image.
    """

    def __init__(self, path: Path) -> None:
        """Open a store; ValueError if the file is none."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        num_bytes = os.fstat(self._file).st_size
        count = int.from_bytes(self._read(max(0, num_bytes - _COUNT_BYTES), _COUNT_BYTES), "little")
        num_size_bytes = 2 * _SIZE.itemsize * count
        sizes = self._read(max(0, num_bytes - _COUNT_BYTES - num_size_bytes), num_size_bytes)
        self.sizes = np.frombuffer(sizes[: len(sizes) // 8 * 8], _SIZE).reshape(-1, 2)
        lengths = self.sizes.astype(np.int64).prod(axis=1) * NUM_CHANNELS
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        if len(self.sizes) != count or self._starts[-1] + num_size_bytes + _COUNT_BYTES != num_bytes:
            raise ValueError(f"{path} is not a file of decoded pixels: delete it, and it is made again")
        self._is_uniform = bool((self.sizes == self.sizes[:1]).all())

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of all images together; ValueError where they are of several sizes."""
        if not self._is_uniform:
            raise ValueError("the images are of several sizes")
        height, width = self.sizes[0].tolist()
        return (len(self), height, width, NUM_CHANNELS)

    def __getitem__(self, indices: slice | npt.NDArray[np.integer[Any]]) -> Pixels:
        """Return images of one size, uint8 [N, H, W, 3]."""
        chosen = range(len(self))[indices] if isinstance(indices, slice) else indices
        _, height, width, _ = self.shape
        pixels = np.empty((len(chosen), height, width, NUM_CHANNELS), np.uint8)
        for place, index in enumerate(chosen):
            pixels[place] = self.rows(int(index), 0, height)
        return pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        """Return all images of one size, for what can hold them."""
        return self[:].astype(dtype or np.uint8, copy=False)

    def rows(self, index: int, top: int, bottom: int) -> Pixels:
        """Return rows of one image, uint8 [bottom - top, width, 3], read-only."""
        width = int(self.sizes[index, 1])
        row_bytes = width * NUM_CHANNELS
        found = self._read(int(self._starts[index]) + top * row_bytes, (bottom - top) * row_bytes)
        return np.frombuffer(found, np.uint8).reshape(-1, width, NUM_CHANNELS)

    def _read(self, start: int, num_bytes: int) -> bytes:
        return os.pread(self._file, num_bytes, start)


def write_pixels(path: Path, num_images: int, decode: Callable[[int], Pixels]) -> None:
    """Write a store of the images that `decode` gives, in threads; the file is there when it is whole.

    Two processes may write the same store at once: each has a file of its own until then.
    """
    with replacing(path, temporary_sibling(path.parent)) as temporary, temporary.open("wb") as file:
        remove_leftovers(path.parent, now_s=temporary.stat().st_mtime)  # of those that were killed
        sizes = [pixels.shape[:2] for pixels in _written(file.write, num_images, decode)]
        file.write(np.array(sizes, _SIZE).reshape(-1, 2).tobytes())
        file.write(num_images.to_bytes(_COUNT_BYTES, "little"))


def _written(write: Callable[[bytes], object], num_images: int, decode: Callable[[int], Pixels]) -> Iterable[Pixels]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, num_images, NUM_DECODED_AT_ONCE):
            for pixels in pool.map(decode, range(start, min(num_images, start + NUM_DECODED_AT_ONCE))):
                write(np.ascontiguousarray(pixels).tobytes())
                yield pixels
