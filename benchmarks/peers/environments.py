"""An environment for each peer, made once from its hash-locked requirements."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.folders import CACHE

REQUIREMENTS = Path(__file__).with_name("requirements")
ENVIRONMENTS = CACHE / "peers"
LOCK = "lock.txt"  # in an environment that is whole: what it was made of


class EnvironmentFailed(RuntimeError):
    """The environment could not be made; the text says what pip said last."""


def python_of(name: str, folder: Path = ENVIRONMENTS, requirements: Path = REQUIREMENTS) -> Path:
    """The Python of a peer's environment, which is made anew when its lock file has changed.

    Raises:
        EnvironmentFailed: it cannot be made on this machine.
    """
    lock = requirements / f"{name}.txt"
    environment = folder / name
    python = environment / "bin" / "python"
    if (environment / LOCK).is_file() and (environment / LOCK).read_bytes() == lock.read_bytes():
        return python
    shutil.rmtree(environment, ignore_errors=True)
    print(f"setting up the environment of {name}, once; it takes minutes", file=sys.stderr, flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for command in ([sys.executable, "-m", "venv", str(environment)], [*pip, "--requirement", str(lock)]):
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        if made.returncode:
            said = made.stderr.strip().rpartition("\n")[2]
            raise EnvironmentFailed(f"its environment could not be made: {said[:300]!r}")
    shutil.copy(lock, environment / LOCK)
    return python


def version_of(package: str, requirements: Path = REQUIREMENTS) -> str:
    """The version that a peer's lock file has of it."""
    lock = (requirements / f"{package}.txt").read_text()
    [version] = re.findall(rf"^{re.escape(package)}==(\S+)", lock, re.MULTILINE)
    return str(version)
