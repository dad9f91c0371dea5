"""The metrics that docs/operations.md lists; tests/server/test_metrics.py holds the table to the server."""

from __future__ import annotations

import re
from pathlib import Path

OPERATIONS = (Path(__file__).resolve().parent.parent / "docs" / "operations.md").read_text()
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def documented():
    """The names that queries may use, and their labels."""
    rows = re.findall(r"^\| `(opsin_\w+)` \| (\w+) \|([\w, ]*)\|", OPERATIONS, re.MULTILINE)
    return {
        name + suffix: {*filter(None, labels.strip().split(", ")), "instance", "job", "le"}
        for name, kind, labels in rows
        for suffix in SUFFIXES[kind]
    }
