"""What came of the requests of a run, by what went on when they were due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.open_loop import Outcome
from benchmarks.spread import percentile

HEADING = "| | requests | not answered 200 | p50, p99, longest, ms | |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run.

    Attributes:
        name: of the part.
        outcomes: of the requests that were due in it.
        lost_until_s: requests that were due before may be lost, and later ones over connections that were kept.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    lost_until_s: float = 0.0

    @property
    def lost(self) -> list[Outcome]:
        """Those that were not answered 200."""
        return [outcome for outcome in self.outcomes if outcome.status != 200]

    @property
    def is_met(self) -> bool:
        """Whether all were answered that should have been, and anything was."""
        was_any_answered = len(self.lost) < len(self.outcomes)
        return was_any_answered and all(map(self._may_be_lost, self.lost))

    def _may_be_lost(self, outcome: Outcome) -> bool:
        """Each connection that was kept may cost one request: who has it cannot know that nobody is there any more."""
        return outcome.due_s < self.lost_until_s or (self.lost_until_s > 0 and outcome.num_before > 0)

    def row(self) -> str:
        """Write it as a row of the table."""
        latencies = [outcome.latency_ms for outcome in self.outcomes if outcome.status == 200] or [0.0]
        counts = Counter(
            f"{outcome.status or outcome.how}{' over a kept connection' if outcome.num_before else ''}"
            for outcome in self.lost
        )
        how = ", ".join(f"{number} x {what}" for what, number in counts.items())
        verdict = "ok" if self.is_met else "FAILED"
        times = f"{percentile(latencies, 50):.0f}, {percentile(latencies, 99):.0f}, {max(latencies):.0f}"
        return f"| {self.name} | {len(self.outcomes)} | {len(self.lost)}{how and f' ({how})'} | {times} | {verdict} |"


def phases_of(
    outcomes: Sequence[Outcome], began_s: Mapping[str, float], lost_until_s: Mapping[str, float]
) -> list[Phase]:
    """Divide the requests of a run by its parts; one belongs to the last part that began while it was in hand.

    Args:
        outcomes: of all.
        began_s: when each part began, in their order.
        lost_until_s: in which parts requests may be lost, and until when: then the balancer knows.
    """
    parts: dict[str, list[Outcome]] = {name: [] for name in began_s}
    for outcome in outcomes:
        ended_s = outcome.due_s + outcome.latency_ms / 1000
        first, *begun = [name for name, at_s in began_s.items() if at_s <= ended_s] or list(began_s)[:1]
        parts[begun[-1] if begun else first].append(outcome)
    return [Phase(name, tuple(part), lost_until_s.get(name, 0.0)) for name, part in parts.items()]
