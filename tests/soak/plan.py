"""How long a soak takes, and how hard it presses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The figures of a soak.

    Attributes:
        seconds: of traffic with swaps and kills.
        rate: requests a second of all clients together.
        num_clients: threads, each with a connection that it keeps.
        num_loiterers: connections beside them that send next to nothing.
        pause_s: between two disturbances.
        warm_up_s: of traffic before what the server holds is noted.
        rest_s: at most, without traffic, until it holds no more than it should.
        sample_s: between two looks at its memory.
        seed: of what is drawn.
    """

    seconds: float = 1800.0
    rate: float = 40.0
    num_clients: int = 16
    num_loiterers: int = 30
    pause_s: float = 6.0
    warm_up_s: float = 45.0
    rest_s: float = 60.0
    sample_s: float = 2.0
    seed: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is as long as its figures are worth keeping."""
        return self.seconds >= 1800
