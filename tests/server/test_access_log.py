"""The line of the log."""

from __future__ import annotations

from server.access_log import printable


def test_long_text_is_cut():
    assert printable("x" * 500) == "x" * 200 + "..."
