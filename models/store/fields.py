"""Validates the fields of a manifest: names, paths, labels, digests; ValueError for all others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

MANIFEST_FILE = "manifest.json"
MAX_VERSION = 2**63 - 1  # what the serving protocols can carry

VERSION = re.compile(r"[1-9][0-9]{0,18}")  # and no other spelling of a number: 01 is not 1
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"  # of a model
_NAME = re.compile(NAME)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_PATH_CHARACTERS = 1024


def validate_name(name: object) -> str:
    """Return the name of a model, unchanged."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = repr(name[:80]) if isinstance(name, str) else type(name).__name__
        raise ValueError(f"a model name must be 1 to 64 of a-z 0-9 . _ - and begin with a-z or 0-9, got {text}")
    return name


def is_name(name: str) -> bool:
    """Tell whether a text is the name of a model."""
    return _NAME.fullmatch(name) is not None


def validate_version(version: object) -> int:
    """Return the number of a version, unchanged."""
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise ValueError(f"a version must be a whole number >= 1 and below 2**63, got {version!r}")
    return version


def validate_path(path: object) -> str:
    """Return the path of a file or folder in an artifact, unchanged: relative, normal, and never out of it."""
    is_inside = (
        isinstance(path, str)
        and 0 < len(path) <= _MAX_PATH_CHARACTERS
        and path.isprintable()
        and "\\" not in path
        and not any(part in ("", ".", "..") for part in path.split("/"))
    )
    if not isinstance(path, str) or not is_inside:
        raise ValueError(f"a path in an artifact must be relative and stay inside it, got {path!r}")
    if PurePosixPath(path).parts[0] == MANIFEST_FILE:
        raise ValueError(f"{MANIFEST_FILE} is written by the artifact itself and cannot be one of its files")
    return path


def validate_text(text: object, what: str) -> str:
    """Return a non-empty text without control characters, unchanged."""
    if not isinstance(text, str) or not text or any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError(f"{what} must be a non-empty text without control characters, got {text!r}")
    return text


def validate_labels(labels: object) -> tuple[str, ...]:
    """Return the labels as a tuple; at least one."""
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise ValueError(f"labels must be a sequence of texts, got {type(labels).__name__}")
    checked = tuple(validate_text(label, "a label") for label in labels)
    if not checked:
        raise ValueError("labels must name at least one class, got none")
    return checked


def validate_files(files: object) -> dict[str, str]:
    """Copy and sort the map from path to sha256; no file may also be the folder of another."""
    record = validate_mapping(files, "files")
    for path, digest in record.items():
        validate_path(path)
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ValueError(f"the sha256 of {path!r} must be 64 lower-case hex digits, got {digest!r}")
    if both := folders_of(record) & record.keys():
        raise ValueError(f"{min(both)!r} is listed as a file and is also the folder of another")
    return dict(sorted(record.items()))


def validate_mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return a mapping with string keys, unchanged."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{what} must be a mapping with string keys, got {type(value).__name__}")
    return value


def folders_of(paths: Iterable[str]) -> set[str]:
    """Collect the folders that relative paths pass through."""
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."}
