"""`python -m training.cifar10 cifar-10-binary.tar.gz cifar10.npz`: convert CIFAR-10's binary version to an .npz file.

The binary version (https://www.cs.toronto.edu/~kriz/cifar.html) has, for each image, a byte with its label and 3072
bytes of pixels: 1024 red, 1024 green, 1024 blue, row by row.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.store.durable import replacing
from training.dataset import DatasetError

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILES = ("test_batch.bin",)
RECORD_BYTES = 1 + 3 * 32 * 32


def convert(archive: Path, npz: Path) -> None:
    """Write x_train, y_train, x_test, y_test and labels as an .npz file.

    Raises:
        DatasetError: the archive is not CIFAR-10's binary version, or cut short; or the file would not end in .npz.
    """
    if npz.suffix != ".npz":
        raise DatasetError(f"the file to write must end in .npz, got {npz.name}")
    try:
        with tarfile.open(archive) as tar:
            members = {Path(member.name).name: member for member in tar if member.isfile()}
            x_train, y_train = _images(tar, members, TRAIN_FILES)
            x_test, y_test = _images(tar, members, TEST_FILES)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DatasetError(f"{archive.name} cannot be read as a tar archive: {error}") from error
    with replacing(npz) as temporary:
        np.savez(temporary, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, labels=np.array(LABELS))


def _images(
    tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], names: Sequence[str]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read the images, uint8 [N, 32, 32, 3], and targets, [N], of some files in the archive."""
    parts = []
    for name in names:
        file = tar.extractfile(members[name]) if name in members else None
        content = file.read() if file else b""
        if not content or len(content) % RECORD_BYTES:
            raise DatasetError(f"{name} must hold records of {RECORD_BYTES} bytes, got {len(content)} bytes")
        parts.append(np.frombuffer(content, np.uint8).reshape(-1, RECORD_BYTES))
    records = np.concatenate(parts)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].astype(np.int64)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.cifar10", description="CIFAR-10 as an .npz file.")
    parser.add_argument("archive", type=Path, help="cifar-10-binary.tar.gz, from its authors")
    parser.add_argument("npz", type=Path, help="the file to write")
    options = parser.parse_args(arguments)
    try:
        convert(options.archive, options.npz)
    except DatasetError as error:
        print(f"python -m training.cifar10: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
