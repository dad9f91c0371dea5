"""Waits for facts, for as long as the busiest machine may take."""

from __future__ import annotations

import time

SOON_S = 120.0  # costs nothing where all is well; less than the 300 s that a test may take


def wait_until(condition, *, within_s=SOON_S, pause_s=0.005):
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at, f"it was not so within {within_s:g} s"
        time.sleep(pause_s)
