"""Keeps the code that XLA compiles for a GPU in a folder, so that the next start reads it instead of compiling.

The folder holds machine code that is run as it is found: whoever may write into it may run code as the server.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.private_folder import private_folder

NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")


def keep_compiled_code(folder: Path, environ: MutableMapping[str, str], driver: Path = NVIDIA_DRIVER) -> None:
    """Tell TensorFlow, which this process has not imported yet, to keep compiled code in `folder`.

    TensorFlow's key of an entry names neither its own version nor the model of the GPU, so each pair of them has a
    folder of its own. An entry that cannot be written fails the compilation, so a folder that is not writable is left
    unused, and so is one that every user may write into.
    """
    try:
        tensorflow_version = version("tensorflow")
    except PackageNotFoundError:
        tensorflow_version = "none"
    gpus = set()
    for information in driver.glob("*/information"):
        gpus.update(re.findall(r"^Model:\s*(.+?)\s*$", information.read_text(), re.MULTILINE))
    name = f"tensorflow-{tensorflow_version}-{'-'.join(sorted(gpus)) or 'gpu'}"
    own = private_folder(folder, re.sub(r"[^a-z0-9.]+", "-", name.lower()))
    if own is None:
        return
    flags = f"--tf_xla_persistent_cache_directory={own} --tf_xla_persistent_cache_device_types=GPU"
    environ["TF_XLA_FLAGS"] = f"{flags} {environ.get('TF_XLA_FLAGS', '')}".strip()
