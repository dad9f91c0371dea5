"""Random damage to a file of a repository, as disks, copies that were cut and people do it."""

from __future__ import annotations

import random
from pathlib import Path

MAX_MORE_BYTES = 1000
MAX_OTHER_BYTES = 200


def other_content(content: bytes, rng: random.Random) -> bytes | None:
    """Draw what becomes of a file that has some content; None: it is removed."""
    how, place = rng.choice(["bits", "cut", "zeros", "more", "other", "gone"]), rng.randrange(len(content))
    if how == "gone":
        return None
    if how == "cut":
        return content[:place]
    if how == "more":
        return content + rng.randbytes(rng.randint(1, MAX_MORE_BYTES))
    if how == "other":
        return rng.randbytes(rng.randint(0, MAX_OTHER_BYTES))
    changed = bytearray(content)
    if how == "zeros":  # as of a block that never reached the disk
        changed[place:] = bytes(len(content) - place)
    else:
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    if changed == content:  # it ends with zeros, or a bit was turned twice
        changed[place] ^= 1
    return bytes(changed)


def damage_file(file: Path, rng: random.Random) -> None:
    """Damage a file where it lies, whoever has it open."""
    changed = other_content(file.read_bytes(), rng)
    if changed is None:
        file.unlink()
        return
    with file.open("r+b") as opened:
        opened.write(changed)
        opened.truncate()
