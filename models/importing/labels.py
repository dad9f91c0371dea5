"""Reads the labels of a foreign model: a text file, JSON as libraries write it, or what is inside a `.tflite`."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import without_host_paths
from models.importing.refused import ForeignModelRefused
from models.store.fields import validate_labels
from models.store.repository import Repository
from models.store.strict_json import MAX_DEPTH, parse_object

BACKGROUND = "background"
ZOO = Path(__file__).resolve().parents[1] / "zoo"
MAX_BYTES = 8 * 1024**2
_NUMBERED = re.compile(r"(\d+)[ \t:,]+(\S.*)")  # Teachable Machine's "0 cat"


def read_labels(file: Path) -> tuple[str, ...]:
    """Read a label a line, or JSON: a list, `{"0": "cat"}`, Keras' `{"0": ["n02123045", "tabby"]}`, or a manifest.

    Raises:
        ForeignModelRefused: it is none of these.
    """
    with without_host_paths(f"the labels {file.name} cannot be read"), file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        if content.lstrip()[:1] in (b"{", b"["):
            return validate_labels(from_json(content))
        return from_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ForeignModelRefused(f"the labels {file.name} are not UTF-8 text") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ForeignModelRefused(
            f"the labels {file.name} cannot be used: {error}; write one a line, in the order of the outputs"[:400]
        ) from error


def labels_inside(file: Path) -> tuple[str, ...] | None:
    """Read the labels that the metadata of a `.tflite` has behind the model; None where there are none."""
    if not zipfile.is_zipfile(file):
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            texts = [member for member in archive.infolist() if member.filename.endswith(".txt")]
            named = [member for member in texts if "label" in member.filename.lower()] or texts
            if len(named) != 1 or named[0].file_size > MAX_BYTES:
                return None
            with archive.open(named[0]) as opened:
                return from_text(opened.read(MAX_BYTES).decode())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        return None


def imagenet_labels() -> tuple[str, ...]:
    """Return ImageNet's 1,000 labels in Keras' order, which is that of the shipped model."""
    return Repository(ZOO).load("imagenet", verify=False).manifest.labels


def from_text(text: str) -> tuple[str, ...]:
    """Read a label a line; numbers in front of them, counted from 0, are left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(found and int(found[1]) == index for index, found in enumerate(numbered)):
        lines = [found[2] for found in numbered if found]
    return validate_labels(lines)


def from_json(content: bytes) -> Sequence[str]:
    """Read labels from JSON; ValueError, KeyError or TypeError where it is of no known form."""
    # A list is no object, which the reader asks for.
    record: Any = parse_object(b'{"labels": ' + content + b"}", "the file", max_bytes=MAX_BYTES + MAX_DEPTH)["labels"]
    if isinstance(record, dict) and isinstance(record.get("labels"), list):
        record = record["labels"]
    if isinstance(record, dict):
        if sorted(record, key=int) != [str(index) for index in range(len(record))]:
            raise ValueError("its keys must be the numbers from 0 on")
        record = [record[str(index)] for index in range(len(record))]
    # Keras' has the key in WordNet first.
    return [entry[1] if isinstance(entry, list) and len(entry) == 2 else entry for entry in record]
