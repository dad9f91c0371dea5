"""Opens a data set, whatever form it has."""

from __future__ import annotations

import zipfile
from pathlib import Path

from training.dataset import Dataset, DatasetError
from training.image_folders import load_image_folders, open_zip
from training.npz import load_npz


def load_dataset(path: Path, *, test_fraction: float, seed: int) -> Dataset:
    """Open a data set.

    Args:
        path: an `.npz` with x_train, y_train, x_test, y_test and labels; or a folder, or a zip file of one, that holds
            `train/<class>/<image>` and optionally `test/<class>/<image>`, or just `<class>/<image>`. Where there is no
            test/, val/, valid/ or validation/ is the test folder.
        test_fraction: part of each class held out, with the seed, where there is no test folder.
        seed: of that split.

    Raises:
        DatasetError: what was expected is not there.
    """
    if not path.exists():
        raise DatasetError(f"no such file or folder: {path}")
    if path.suffix == ".npz":
        return load_npz(path)
    if path.is_dir():
        return load_image_folders(path, path, test_fraction=test_fraction, seed=seed)
    if zipfile.is_zipfile(path):
        return load_image_folders(open_zip(path), path, test_fraction=test_fraction, seed=seed)
    raise DatasetError(f"{path.name} is neither an .npz file, a folder nor a zip file")
