"""Describe the machine and the software that figures were measured with."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name

PACKAGES = ("ai-edge-litert", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine at one time.

    Attributes:
        cpu: name of its processor.
        num_cores: that this process may use.
        load: threads that wanted a core, on average over the minute before; those that measured are among them.
        system: name and release of the operating system.
        python: version.
        packages: versions by name, of those that decide about the figures.
        date: UTC, ISO 8601.
    """

    cpu: str
    num_cores: int
    load: float
    system: str
    python: str
    packages: Mapping[str, str]
    date: str


def describe_machine() -> Machine:
    """Describe this machine as it is now."""
    return Machine(
        cpu=cpu_name(),
        num_cores=available_cores(),
        load=round(os.getloadavg()[0], 2),
        system=platform.platform(),
        python=platform.python_version(),
        packages={package: _version(package) for package in PACKAGES},
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
