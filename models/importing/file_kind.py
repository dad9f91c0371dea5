"""Tells of what kind a foreign file is, by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from models.errors import without_host_paths
from models.importing.refused import ForeignModelRefused

Kind = Literal["tflite", "onnx", "keras", "h5", "saved_model"]

_ALLOWED = "a .tflite, .onnx, .keras or .h5 file and the folder of a SavedModel are"
_PICKLES = (".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


def kind_of(file: Path) -> Kind:
    """Return the kind.

    Raises:
        ForeignModelRefused: of none that is accepted.
    """
    with without_host_paths(f"{file.name} cannot be read"):
        if file.is_dir():
            if (file / "saved_model.pb").is_file():
                return "saved_model"
            raise ForeignModelRefused(f"{file.name} is a folder without saved_model.pb; {_ALLOWED} accepted")
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise ForeignModelRefused(f"{file.name} is a pipe or a device; {_ALLOWED} accepted")
        with file.open("rb") as opened:
            head = opened.read(16)
    suffix = file.suffix.lower()
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(_HDF5):
        return "h5"
    if head.startswith(_ZIP) and suffix == ".keras":
        return "keras"
    if suffix == ".onnx":  # which has no bytes of its own at its beginning
        return "onnx"
    if suffix in _PICKLES:
        raise ForeignModelRefused(
            f"{file.name} may be a pickle, or weights without their network, which are not accepted; {_ALLOWED}"
        )
    raise ForeignModelRefused(f"{file.name} is of no kind that is accepted; {_ALLOWED}")
