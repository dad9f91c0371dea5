"""Keep what TensorFlow's libraries say of themselves, wherever they are loaded, off the terminal."""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType

# Before absl's log is set up, as it is once TensorFlow is there, TF_CPP_MIN_LOG_LEVEL has no effect on it.
_NOISE = re.compile(rb"(I\d{4} |WARNING: All log messages before absl::InitializeLog)")
_GPU_DEVICES = ("nvidiactl", "nvidia0", "nvhost-ctrl", "dxg")  # of NVIDIA's driver, of its boards, of WSL


def log_level(devices: Path = Path("/dev")) -> str:
    """Return TF_CPP_MIN_LOG_LEVEL: "2", or without a GPU "3", as TensorFlow tells as an error that there is none."""
    return "2" if any((devices / name).exists() for name in _GPU_DEVICES) else "3"


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, and write all of it then that is not noise."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _NOISE.match(line)))


class QuietImport(MetaPathFinder):
    """Loads `name` as Python does, but for the noise; the first of `sys.meta_path`, until it is loaded."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module, with a loader that is quiet."""
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__:
            module.__spec__.loader = self.loader
        with quiet_stderr():
            self.loader.exec_module(module)


def quiet_tensorflow() -> None:
    """Let TensorFlow, which need not be loaded yet, tell nothing but what went wrong."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", log_level())
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, QuietImport("tensorflow"))
