"""Tells who waits for the engine that a call is over, as a socket would: by a file that is hung up."""

from __future__ import annotations

import os
from contextlib import suppress

from server.request_errors import Overloaded


class Hangup:
    """A pipe that nobody writes to. Its event loop hangs up; whoever waits closes it.

    Attributes:
        fd: to be polled; hung up once the call is over.
    """

    def __init__(self) -> None:
        """Open it; raises Overloaded where the process has no file left."""
        try:
            self.fd, self._other_end = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            raise Overloaded(
                f"there is no file left for this call ({error.strerror}), try again later", wait_s=1
            ) from None

    def hang_up(self) -> None:
        """Wake whoever waits. A second call does nothing."""
        if self._other_end >= 0:
            end, self._other_end = self._other_end, -1
            os.close(end)

    def close(self) -> None:
        """Close what is waited at, when nobody waits any more."""
        with suppress(OSError):
            os.close(self.fd)
