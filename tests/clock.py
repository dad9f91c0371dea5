"""A clock that a test sets."""

from __future__ import annotations


class Clock:
    def __init__(self, now=100.0):
        self.now = now

    def __call__(self):
        return self.now
