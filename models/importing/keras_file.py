"""Says whether a foreign Keras file is sound, and names nothing but layers of Keras; nothing of it is run.

Keras' own `safe_mode` is not relied on alone: releases of it have run what a file says. A file is taken apart here,
what is accepted of it is written anew, and that is what Keras is given.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.importing.refused import ForeignModelRefused
from models.store.strict_json import parse_object

MAX_BYTES = 1024**3
MAX_CONFIG_BYTES = 64 * 1024**2
MAX_OBJECTS = 100_000
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

_FILTERS = {1, 2, 3}  # of HDF5: deflate, shuffle, Fletcher's checksum; all others are libraries that it would load
_MODELS = ("Functional", "Model", "Sequential")
LAYERS = frozenset(Path(__file__).with_name("keras_layers.txt").read_text().split())
_PARTS_OF_LAYERS = ("initializer", "regularizer", "constraint")
_MODULES_OF_PARTS = (None, "keras.initializers", "keras.regularizers", "keras.constraints")
_PART = re.compile(r"[A-Z]\w*")
_HARMLESS = ("DTypePolicy", "FloatDTypePolicy", "Policy", "__keras_tensor__")


@dataclass(frozen=True, slots=True)
class KerasFile:
    """A file that was written anew of what is accepted.

    Attributes:
        file: of the network and its weights.
        major: release of Keras that wrote it, 2 or 3.
    """

    file: Path
    major: int


def checked_keras(file: Path, folder: Path) -> KerasFile:
    """Write a `.keras` file anew in a folder, without what training needs.

    Raises:
        ForeignModelRefused: it is broken, too large, or has more in it than a network of Keras' layers.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if len(members) != len(archive.infolist()) or not {CONFIG, METADATA, WEIGHTS} <= members.keys():
                raise ForeignModelRefused(f"a .keras file has {CONFIG}, {METADATA} and {WEIGHTS}; this one has not")
            if others := members.keys() - {CONFIG, METADATA, WEIGHTS}:
                raise ForeignModelRefused(f"its part {min(others)[:80]!r} is not accepted")
            if members[WEIGHTS].file_size > MAX_BYTES:
                raise ForeignModelRefused(f"its weights have more than the {MAX_BYTES:,} bytes that are accepted")
            texts = {name: _part(archive, members[name]) for name in (CONFIG, METADATA)}
            weights = folder / "weights.h5"
            with archive.open(WEIGHTS) as opened, weights.open("wb") as written:
                shutil.copyfileobj(opened, written)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ForeignModelRefused(f"the .keras file is broken: {error}"[:300]) from error
    config, metadata = (_json(texts[name], name) for name in (CONFIG, METADATA))
    kept = _untrained(config)
    check_config(kept)
    check_hdf5(weights)
    again = folder / "checked.keras"
    with zipfile.ZipFile(again, "w") as archive:
        archive.writestr(CONFIG, json.dumps(kept))
        archive.writestr(METADATA, json.dumps({"keras_version": _version(metadata), "date_saved": ""}))
        archive.write(weights, WEIGHTS)
    return KerasFile(again, _major(_version(metadata)))


def checked_h5(file: Path) -> KerasFile:
    """Check an HDF5 file of a whole model, as Keras 2 wrote it, and Keras 3 still does.

    Raises:
        ForeignModelRefused: it is broken, too large, weights alone, or more than a network of Keras' layers.
    """
    attributes = check_hdf5(file)
    if "model_config" not in attributes:
        raise ForeignModelRefused(
            "it has weights without their network: save the whole model, or give --application for Keras' own networks"
        )
    check_config(_json(attributes["model_config"], "its model_config"))
    return KerasFile(file, _major(attributes.get("keras_version", b"2").decode("utf-8", "replace")))


def checked_weights(file: Path) -> KerasFile:
    """Check an HDF5 file of the weights of a network that is known otherwise.

    Raises:
        ForeignModelRefused: it is broken, too large, or refers to what is outside of it.
    """
    attributes = check_hdf5(file)
    is_of_two = {"layer_names", "keras_version"} & attributes.keys() or not file.name.endswith(".weights.h5")
    return KerasFile(file, 2 if is_of_two else 3)


def check_hdf5(file: Path) -> dict[str, bytes]:
    """Check that an HDF5 file refers to nothing outside of itself, and is of no more bytes than it may.

    Returns:
        Its attributes, of which those that are no texts are empty.

    Raises:
        ForeignModelRefused: it does, is, or is broken.
    """
    import h5py  # which a server does not have

    try:
        with h5py.File(file, "r") as opened:
            num_bytes = 0
            for found in _objects(opened):
                if isinstance(found, h5py.Dataset):
                    check_dataset(found)
                    num_bytes += found.nbytes
                if num_bytes > MAX_BYTES:
                    raise ForeignModelRefused(f"its weights have more than the {MAX_BYTES:,} bytes that are accepted")
            texts = {}
            for name, value in opened.attrs.items():
                texts[name] = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
            return texts
    except ForeignModelRefused:
        raise
    except Exception as error:  # whatever a broken byte comes to in HDF5
        raise ForeignModelRefused(f"{file.name} is not a whole HDF5 file: {error}"[:300]) from error


def check_config(config: Mapping[str, Any]) -> None:
    """Check that a network's configuration names nothing but layers of Keras that are accepted.

    Raises:
        ForeignModelRefused: it names something else.
    """
    for key, found in _named(config, ""):
        name, module, registered = (found.get(part) for part in ("class_name", "module", "registered_name"))
        inner = found.get("config")
        called = inner.get("name") if isinstance(inner, Mapping) else None
        layer = f"its layer {str(called)[:80]!r}" if called else f"its {key[:80]}" if key else "the network"
        if isinstance(inner, str):  # the name of a function
            layer += f" {inner[:80]!r}"
        if name == "Lambda":
            raise ForeignModelRefused(
                f"{layer} is a Lambda, which is code of whoever made the file and is never run: save the model with a "
                "layer of Keras in its place"
            )
        is_part = any(part in key for part in _PARTS_OF_LAYERS) and _PART.fullmatch(str(name)) is not None
        is_keras = module is None or (isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras"))
        is_known = name in LAYERS or name in _MODELS or name in _HARMLESS or (is_part and module in _MODULES_OF_PARTS)
        if not is_known or not is_keras or registered not in (None, name):
            raise ForeignModelRefused(
                f"{layer} is of class {str(name)[:80]!r}, which is none of the layers of Keras that are accepted here"
            )


def _untrained(value: Any) -> Any:
    """Leave out how networks were trained, which is never needed: an optimizer may be of anybody's class."""
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if "class_name" not in value or key != "compile_config"}
        return {key: _untrained(inner) for key, inner in kept.items()}
    return [_untrained(inner) for inner in value] if isinstance(value, list) else value


def _named(value: object, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield everything in a configuration that names a class, with the key that it is at."""
    if isinstance(value, Mapping):
        if "class_name" in value:
            yield key, value
        for inner_key, inner in value.items():
            yield from _named(inner, str(inner_key))
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, key)


def _objects(group: Any) -> Iterator[Any]:
    """Yield all groups and datasets of an HDF5 file, none twice, of which each is in the file itself."""
    import h5py

    waiting, seen = [group], set()
    while waiting:
        found = waiting.pop()
        place = h5py.h5o.get_info(found.id).addr
        if place in seen:
            continue
        seen.add(place)
        if len(seen) > MAX_OBJECTS:
            raise ForeignModelRefused(f"it has more than {MAX_OBJECTS:,} parts")
        yield found
        if isinstance(found, h5py.Group):
            for name in found:
                if not isinstance(found.get(name, getlink=True), h5py.HardLink):
                    raise ForeignModelRefused(f"its part {str(name)[:80]!r} is a link, which is not accepted")
                waiting.append(found[name])


def check_dataset(dataset: Any) -> None:
    """Refuse a dataset that is stored elsewhere, by an unknown filter, or of no numbers."""
    creation = dataset.id.get_create_plist()
    filters = {creation.get_filter(index)[0] for index in range(creation.get_nfilters())}
    if dataset.external or dataset.is_virtual or not filters <= _FILTERS or dataset.dtype.kind not in "fiubS":
        raise ForeignModelRefused(
            f"its part {dataset.name[:80]!r} is stored elsewhere, by an unknown filter, or of no numbers"
        )


def _part(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as opened:
        return opened.read(MAX_CONFIG_BYTES + 1)


def _json(text: bytes, what: str) -> dict[str, Any]:
    try:
        return parse_object(text, what, max_bytes=MAX_CONFIG_BYTES)
    except ValueError as error:
        raise ForeignModelRefused(str(error)[:300]) from error


def _version(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("keras_version", "3"))[:20]


def _major(version: str) -> int:
    return 2 if version.startswith("2") else 3
