"""Keep what TensorFlow's libraries say of themselves, wherever they are loaded, off the terminal."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType

from models.quiet_stderr import quiet_stderr

_GPU_DEVICES = ("nvidiactl", "nvidia0", "nvhost-ctrl", "dxg")  # of NVIDIA's driver, of its boards, of WSL


def log_level(devices: Path = Path("/dev")) -> str:
    """Return TF_CPP_MIN_LOG_LEVEL: "2", or without a GPU "3", as TensorFlow tells as an error that there is none."""
    return "2" if any((devices / name).exists() for name in _GPU_DEVICES) else "3"


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
