"""Say in one line what to change when a disk or a memory is full."""

from __future__ import annotations

import errno
import sys

DISK_FULL = (
    "the disk is full, or what you may take of it: free some (the decoded pixels of data that is no longer trained on, "
    "old checkpoints), and give the same command again; a training goes on from its last checkpoint"
)
MEMORY_FULL = (
    "the memory of the GPU or of this machine is too small: choose a lower batch_size or image_px, "
    "such as --set batch_size=16, and another --workdir"
)


# TensorFlow gives the words alone, and says of a quota what it says of a full memory.
_DISK_FULL_WORDS = ("no space left on device", "disk quota exceeded")
FILE_TOO_LARGE = (
    "a file has reached the size that this disk or your limit (ulimit -f) allows: use a --workdir on another disk, or "
    "set OPSIN_PIXELS to a folder there, which takes the decoded pixels"
)


READ_ONLY = (
    "the disk is read-only, or became so, as one does that fails: use a --workdir and a --repository on another, and "
    "set OPSIN_PIXELS to a folder there, which takes the decoded pixels"
)


def what_to_change(error: Exception) -> str | None:
    """Return the line for an error of a full disk or memory, by Python or TensorFlow; None for any other error."""
    text, number = str(error).lower(), getattr(error, "errno", None)
    if number in {errno.ENOSPC, errno.EDQUOT} or any(words in text for words in _DISK_FULL_WORDS):
        return DISK_FULL
    if number == errno.EFBIG or "file too large" in text:
        return FILE_TOO_LARGE
    if number == errno.EROFS or "read-only file system" in text:
        return READ_ONLY
    tensorflow = sys.modules.get("tensorflow")  # not imported for this: it takes seconds
    is_exhausted = tensorflow is not None and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    # XLA and cuDNN report the same under other names.
    if is_exhausted or isinstance(error, MemoryError) or "out of memory" in text:
        return MEMORY_FULL
    return None
