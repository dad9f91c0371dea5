"""Writes how long something takes."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Format hours, minutes and seconds as 1:02:03 or 2:03."""
    minutes, secs = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"
