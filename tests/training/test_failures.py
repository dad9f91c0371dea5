import errno

import pytest
import tensorflow as tf

from training.cli import run
from training.failures import DISK_FULL, FILE_TOO_LARGE, MEMORY_FULL, READ_ONLY, what_to_change


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "run/pixels"), DISK_FULL),
        (OSError("file write failed: errno = 28, 'No space left on device'"), DISK_FULL),
        (tf.errors.ResourceExhaustedError(None, None, "ckpt-3.data; No space left on device"), DISK_FULL),
        (tf.errors.UnknownError(None, None, "events.out; No space left on device"), DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "run/pixels"), DISK_FULL),
        (tf.errors.ResourceExhaustedError(None, None, "ckpt-3.data; Disk quota exceeded"), DISK_FULL),
        (OSError(errno.EFBIG, "File too large", "run/pixels"), FILE_TOO_LARGE),
        (tf.errors.OutOfRangeError(None, None, "ckpt-3.data; File too large"), FILE_TOO_LARGE),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[64,64]"), MEMORY_FULL),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), MEMORY_FULL),
        (MemoryError(), MEMORY_FULL),
        (OSError(errno.EROFS, "Read-only file system", "run/pixels"), READ_ONLY),
        (tf.errors.UnknownError(None, None, "ckpt-3.data; Read-only file system"), READ_ONLY),
        (OSError(errno.EACCES, "Permission denied"), None),
        (tf.errors.InternalError(None, None, "another"), None),
    ],
)  # fmt: skip
def test_full_disk_and_memory_are_told_from_other_errors(error, line):
    assert what_to_change(error) == line


@pytest.mark.parametrize(
    ("said", "line"), [("checkpoint; No space left on device", DISK_FULL), ("OOM when allocating tensor", MEMORY_FULL)]
)
def test_a_full_disk_or_memory_is_one_line_of_the_command(capsys, said, line):
    def fail() -> str:
        raise tf.errors.ResourceExhaustedError(None, None, said)

    assert run("python -m training", fail) == 1
    assert capsys.readouterr().err == f"python -m training: {line}\n"


def test_a_file_that_cannot_be_written_is_named_without_a_number(capsys):
    def fail() -> str:
        raise OSError(errno.EACCES, "Permission denied", "runs/pets/run.json")

    assert run("python -m training", fail) == 1
    assert capsys.readouterr().err == "python -m training: runs/pets/run.json: Permission denied\n"


def test_a_fault_of_ours_stays_a_traceback():
    def fail() -> str:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        run("python -m training", fail)
