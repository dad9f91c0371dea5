"""A thread that runs as long as a context."""

from __future__ import annotations

import threading
from typing import Self


class Background(threading.Thread):
    """Starts with the context; `run` ends soon once `_is_over` is set, for which the end of the context waits."""

    def __init__(self, name: str) -> None:
        super().__init__(name=f"soak {name}", daemon=True)
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()
