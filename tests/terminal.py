"""Output that a terminal shows."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    def isatty(self):
        return True
