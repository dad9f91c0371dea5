"""What every server is loaded with."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.pictures import large_photo, photos

LARGE = "large"


@dataclass(frozen=True, slots=True)
class Kind:
    """So many connections that ask for the 16 photos in turn, or for one of 12 megapixels."""

    connections: int
    is_large: bool = False

    @property
    def option(self) -> str:
        """What `--only` calls it."""
        return LARGE if self.is_large else str(self.connections)

    def __str__(self) -> str:
        connections = f"{self.connections} connection{'s' if self.connections > 1 else ''}"
        return f"{connections}, 12 megapixels" if self.is_large else connections

    @property
    def has_baseline(self) -> bool:
        """Whether it is compared with decoding and inference without a server: a lone client cannot fill batches."""
        return self.connections > 1 and not self.is_large

    def photos(self) -> tuple[bytes, ...]:
        """JPEGs."""
        return (large_photo(),) if self.is_large else photos()


STEADY = Kind(16)
KINDS = (Kind(1), Kind(4), STEADY, Kind(64), Kind(256), Kind(4, is_large=True))
