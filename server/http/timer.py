"""A timer that is set and taken back for each request, and wakes nobody unless its time passes (timerfd_create(2))."""

from __future__ import annotations

import ctypes
import os

CLOCK_MONOTONIC = 1  # <time.h>
TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # what TFD_NONBLOCK and TFD_CLOEXEC are

# Unlike CDLL, this keeps Python's lock, for which each request would contend twice.
_libc = ctypes.PyDLL(None, use_errno=True)


class _TimerSpec(ctypes.Structure):
    """struct itimerspec."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns"))


class Timer:
    """To be used under a lock.

    Args:
        after_s: less than a second.

    Attributes:
        fd: becomes readable when so much time has passed since `begin`, unless there was an `end`.

    Raises:
        OSError: the process may not have as many files.
    """

    def __init__(self, after_s: float) -> None:
        self.fd: int = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "no timer can be made")
        self._number = ctypes.c_int(self.fd)
        self._begun, self._ended = (ctypes.byref(_TimerSpec(0, 0, 0, nanos)) for nanos in (int(1e9 * after_s), 0))

    def begin(self) -> None:
        """Begin to count, anew where it counts already."""
        _libc.timerfd_settime(self._number, 0, self._begun, None)

    def end(self) -> None:
        """Count no more, and forget that the time was over."""
        _libc.timerfd_settime(self._number, 0, self._ended, None)

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)
