"""Has Keras download weights within limits of ours: its own function takes whatever a server sends, from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tf_keras.src.utils import data_utils

from models.files.download import download


@contextmanager
def bounded_downloads() -> Iterator[None]:
    """Download by `models.files.download` within a block; Keras itself compares digests, where it knows them."""
    before = data_utils.urlretrieve

    def retrieve(url: str, filename: str, *_: Any) -> None:
        download(url, Path(filename))

    data_utils.urlretrieve = retrieve
    try:
        yield
    finally:
        data_utils.urlretrieve = before
