"""Puts off what no client has to wait for, such as counts and times, until its response has been sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Call = Callable[..., None]  # takes a function and its arguments


def call_at_once(function: Callable[..., object], *arguments: Any) -> None:
    """Call a function: what takes the place of a `PutOff` where no client waits."""
    function(*arguments)


class PutOff(threading.local):
    """Calls that the thread which makes a response makes after it; none of them may raise.

    One object serves all threads of a process, each with calls of its own. Between responses a call is made at once.
    """

    def __init__(self) -> None:
        self._is_responding = False
        self._calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def begin(self) -> None:
        """Begin to put calls off."""
        self._is_responding = True

    def __call__(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function, now or at the end."""
        if self._is_responding:
            self._calls.append((function, arguments))
        else:
            function(*arguments)

    def end(self) -> None:
        """Make the calls that were put off, in their order."""
        calls, self._calls, self._is_responding = self._calls, [], False
        for function, arguments in calls:
            function(*arguments)
