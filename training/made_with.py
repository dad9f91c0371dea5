"""Say what a version was made with: packages, machine, and the commit of this code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name

ROOT = Path(__file__).resolve().parent.parent
GIT_TIMEOUT_S = 10


def made_with(packages: Iterable[str]) -> dict[str, Any]:
    """Return the entries of a manifest's provenance: no name of the machine, and no path of it."""
    return {
        "packages": {package: version(package) for package in packages},
        "machine": {"processor": cpu_name(), "num_cores": available_cores()},
        **({"commit": commit} if (commit := commit_of(ROOT)) else {}),
    }


def commit_of(root: Path) -> str | None:
    """Name the commit that is checked out, and whether files differ from it; None where there is no checkout."""
    if not (root / ".git").exists():
        return None
    commit, changes = (_git(root, *arguments) for arguments in (("rev-parse", "HEAD"), ("diff", "--stat", "HEAD")))
    return f"{commit}{' with changes' if changes else ''}" if commit else None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout.strip()
