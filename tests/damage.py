"""Random damage to a file of a repository, as disks, copies that were cut and people do it."""

from __future__ import annotations

import contextlib

from hypothesis import assume
from hypothesis import strategies as st

from benchmarks.damage import other_content


@st.composite
def damages(draw, files):
    """Draw a file of those given, and another content for it; None: it is removed."""
    path = draw(st.sampled_from(files))
    original = path.read_bytes()
    damaged_content = other_content(original, draw(st.randoms(use_true_random=False)))
    assume(damaged_content != original)
    return path, damaged_content


@contextlib.contextmanager
def damaged(path, content):
    """Give a file that content, or remove it, and put back what it was."""
    original = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(original)
