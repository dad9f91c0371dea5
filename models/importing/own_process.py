"""Has a foreign file read and run by a process of its own, whose end, whatever it is, ends nothing else.

It gets so much time and memory and no more, a folder of its own to write in, and nothing of this one's environment but
where programs are. What comes back is JSON, and the files in the folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.importing.refused import ForeignModelRefused

ROOT = Path(__file__).resolve().parents[2]
REFUSED = "refused"
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "TF_CPP_MIN_LOG_LEVEL",
    "PYTHONHASHSEED",
    "HTTPS_PROXY",
    "https_proxy",
    "SSL_CERT_FILE",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may take.

    Attributes:
        seconds: of processor time, on all cores.
        wall_s: until it has ended; a busy machine may take long to give it its seconds.
        memory_bytes: of its own.
        file_bytes: of each file that it writes.
    """

    seconds: int
    wall_s: int
    memory_bytes: int = 4 * 1024**3
    file_bytes: int = 2 * 1024**3


def run_apart(function: str, job: Mapping[str, Any], folder: Path, limits: Limits) -> dict[str, Any]:
    """Have a function called in a process of its own (`models.importing.child`), which ends with this one.

    Args:
        function: "module:name", so that what the module imports is imported there alone.
        job: JSON.
        folder: that it runs in.
        limits: of the process.

    Raises:
        ForeignModelRefused: it refused the file, or ended without an answer.
    """
    command = [sys.executable, "-m", "models.importing.child", function, str(os.getpid())]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    asked = json.dumps({"job": dict(job), "limits": asdict(limits)}).encode()
    try:
        ended = subprocess.run(
            command,
            input=asked,
            capture_output=True,
            cwd=folder,
            env=environment,
            timeout=limits.wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ForeignModelRefused(f"it was not read and run within {limits.wall_s} s") from None
    if ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise ForeignModelRefused(f"reading and running it took more than {limits.seconds} s or too much memory")
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        raise ForeignModelRefused(f"reading and running it ended the process that did so ({name})")
    try:
        answer: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        lines = ended.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise ForeignModelRefused(f"reading and running it failed: {lines[-1][:300]}") from None
    if REFUSED in answer:
        raise ForeignModelRefused(str(answer[REFUSED]))
    return answer
