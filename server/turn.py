"""A request thread's turn to lead: while it has it, the other connections of its worker wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from server.request_errors import Overloaded


class Turn(threading.local):
    """Passes the turn on before its thread waits for anything; one object serves all threads of a process."""

    def __init__(self) -> None:
        self._pass_on: Callable[[], bool] | None = None

    @property
    def is_held(self) -> bool:
        """Whether this thread has it: others wait, so that it is to be through in a few milliseconds."""
        return self._pass_on is not None

    def begin(self, pass_on: Callable[[], bool]) -> None:
        """Take it; `pass_on` has another thread lead, and tells whether there is one."""
        self._pass_on = pass_on

    def end(self) -> None:
        """Say that the request has been responded to."""
        self._pass_on = None

    def pass_on(self) -> None:
        """Have another thread lead, where this one does.

        Raises:
            Overloaded: there is none, so this one must not wait.
        """
        pass_on, self._pass_on = self._pass_on, None
        if pass_on is not None and not pass_on():
            raise Overloaded("more requests are in hand than there is room for, try again later", wait_s=0)
