"""Random damage to a file of a repository, as disks, copies that were cut and people do it."""

from __future__ import annotations

import contextlib

from hypothesis import strategies as st


@st.composite
def damages(draw, files):
    """Draw a file of those given, and what its content becomes; None: it is removed."""
    path = draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    how = draw(st.sampled_from(["bits", "cut", "zeros", "more", "other", "gone"]))
    place = draw(st.integers(0, len(content) - 1))
    if how == "gone":
        return path, None
    if how == "cut":
        return path, bytes(content[:place])
    if how == "more":
        return path, bytes(content) + draw(st.binary(min_size=1, max_size=20))
    if how == "other":
        return path, draw(st.binary(max_size=200))
    if how == "zeros":  # as of a block that never reached the disk
        content[place:] = bytes(len(content) - place)
    else:
        for _ in range(draw(st.integers(1, 4))):
            content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    return path, bytes(content)


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
