"""Limits of one decoding that the kernel enforces on a process, whatever native code it is in, and what its end says.

The process ends by a signal's default action, which no native code can put off; whoever waits for it reads from the
exit status what to answer.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import CorruptImage, ImageError, ImageTooLarge
from models.pixels.formats.encoded import Cost

# A process ends when it has computed for so many times what the image's header said, and some seconds more.
CPU_FACTOR, CPU_SPARE_S = 4.0, 2.0
SPARE_MEMORY_BYTES = 64 * 1024**2  # for libraries that are loaded with their first image, and small things
# Somebody killed the process, or nobody knows: then the image has a second chance.
UNEXPLAINED_ENDS = (-signal.SIGKILL, -signal.SIGTERM, 0)
MAX_ATTEMPTS = 2


def limit_memory(max_memory_bytes: int) -> None:
    """Let allocations of this process fail past what it has now and what one image may take; it leaves no core file."""
    limit = _data_bytes() + max_memory_bytes + SPARE_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    forbid_core_files()


def forbid_core_files() -> None:
    """Have this process, and those that it forks, leave nothing of its memory, where photos are, when one crashes."""
    # With 0 a program that core_pattern names would be given it all the same, and with 1 it is not: core(5).
    limit = 0 if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def max_cpu_s(cost: Cost) -> float:
    """Return the processor time after which decoding ends."""
    return CPU_SPARE_S + CPU_FACTOR * cost.cpu_s


@contextmanager
def limited_cpu(cpu_s: float) -> Iterator[None]:
    """End this process where the block computes for longer; within such a block, another limit holds meanwhile."""
    before = signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *before)


def error_of_end(status: int, image_format: str, cpu_s: float) -> ImageError:
    """Say what an image did to the process that decoded it.

    Args:
        status: minus the signal that ended the process, or its exit status.
        image_format: of the image.
        cpu_s: that it might compute for.
    """
    if status == -signal.SIGPROF:
        return ImageTooLarge(
            f"the {image_format} image takes more than {cpu_s:.0f} s to decode, as its header did not say"
        )
    return CorruptImage(f"the {image_format} image is corrupt: it broke the decoder")


def _data_bytes() -> int:
    """Read how much memory counts already for RLIMIT_DATA (proc(5))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmData:"))
