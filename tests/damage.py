"""Random damage to a file of a repository, as disks, copies that were cut and people do it."""

from __future__ import annotations

import contextlib

from hypothesis import assume
from hypothesis import strategies as st


@st.composite
def damages(draw, files):
    """Draw a file of those given, and another content for it; None: it is removed."""
    path = draw(st.sampled_from(files))
    original = path.read_bytes()
    damaged_content = draw(other_content(original))
    assume(damaged_content != original)  # a bit that is turned twice, zeros where zeros were
    return path, damaged_content


@st.composite
def other_content(draw, original):
    content = bytearray(original)
    how = draw(st.sampled_from(["bits", "cut", "zeros", "more", "other", "gone"]))
    place = draw(st.integers(0, len(content) - 1))
    if how == "gone":
        return None
    if how == "cut":
        return bytes(content[:place])
    if how == "more":
        return bytes(content) + draw(st.binary(min_size=1, max_size=20))
    if how == "other":
        return draw(st.binary(max_size=200))
    if how == "zeros":  # as of a block that never reached the disk
        content[place:] = bytes(len(content) - place)
    else:
        for _ in range(draw(st.integers(1, 4))):
            content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    return bytes(content)


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
