"""Say in one line what to change when a disk or a memory is full."""

from __future__ import annotations

import errno
import sys

DISK_FULL = (
    "the disk is full: free some of it (the decoded pixels of data that is no longer trained on, old checkpoints), "
    "and give the same command again; a training goes on from its last checkpoint"
)
MEMORY_FULL = (
    "the memory of the GPU or of this machine is too small: choose a lower batch_size or image_px, "
    "such as --set batch_size=16, and another --workdir"
)


def what_to_change(error: Exception) -> str | None:
    """Return the line for an error of a full disk or memory, by Python or TensorFlow; None for any other error."""
    text = str(error).lower()
    if getattr(error, "errno", None) == errno.ENOSPC or "no space left on device" in text:
        return DISK_FULL
    tensorflow = sys.modules.get("tensorflow")  # not imported for this: it takes seconds
    is_exhausted = tensorflow is not None and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    # XLA and cuDNN report the same under other names.
    if is_exhausted or isinstance(error, MemoryError) or "out of memory" in text:
        return MEMORY_FULL
    return None
