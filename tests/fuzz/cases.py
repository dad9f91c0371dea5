"""Inputs that a fuzzer broke something with, each kept as a file of `tests/fuzz/cases` from then on."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("cases")
CASES = sorted(FOLDER.glob("*")) if FOLDER.is_dir() else []
