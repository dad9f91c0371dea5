"""Where and with what the figures were made."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.folders import ROOT
from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name, has_saturating_int8, proc_field

PACKAGES = ("ai-edge-litert", "numpy", "pillow", "flask", "gunicorn")


def describe() -> dict[str, Any]:
    """Machine, commit, date and versions."""
    return {
        "cpu": cpu_name(),
        "int8": "without VNNI" if has_saturating_int8() else "with VNNI",
        "num_cores": available_cores(),
        "memory": proc_field("MemTotal", Path("/proc/meminfo")) or "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "wrk": _output("wrk", "--version").partition(" Copyright")[0],
        "commit": _output("git", "rev-parse", "--short=12", "HEAD"),
        "has_uncommitted_changes": bool(_output("git", "status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def in_words(described: Mapping[str, Any]) -> str:
    """What the heading of a table says of it."""
    commit = f"{described['commit']}{' with changes' if described['has_uncommitted_changes'] else ''}"
    cores = f"{described['num_cores']} cores ({described['int8']})"
    return f"{described['cpu']}, {cores}, commit {commit}, {described['date']}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _output(*command: str) -> str:
    try:
        # wrk --version ends with status 1
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return "unknown"
