"""Tells of what kind a foreign file is, by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from models.errors import without_host_paths
from models.importing.refused import ForeignModelRefused

Kind = Literal["tflite"]

_ALLOWED = "a .tflite file is"
_PICKLES = (".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")


def kind_of(file: Path) -> Kind:
    """Return the kind.

    Raises:
        ForeignModelRefused: of none that is accepted.
    """
    with without_host_paths(f"{file.name} cannot be read"):
        if file.is_dir():
            raise ForeignModelRefused(f"{file.name} is a folder, which is not accepted; {_ALLOWED}")
        with file.open("rb") as opened:
            head = opened.read(16)
    if head[4:8] == b"TFL3":
        return "tflite"
    if file.suffix.lower() in _PICKLES:
        raise ForeignModelRefused(
            f"{file.name} may be a pickle, or weights without their network, which are not accepted; {_ALLOWED}"
        )
    raise ForeignModelRefused(f"{file.name} is of no kind that is accepted; {_ALLOWED}")
