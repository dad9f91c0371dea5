"""A figure: what was measured, in how many runs, and whether it is as good as it must be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.spread import Spread, median_interval
from models.store.durable import replacing


@dataclass(frozen=True)
class Figure:
    """One row of the table. `value` is None where it could not be measured; `note` then says why.

    Attributes:
        what: was measured, with the model and the load.
        value: in `unit`; the median where there are several runs.
        at_least: the target, or
        at_most: the target; a figure without one is there for information.
        runs: the quantity in each run.
        note: what a reader of the table must know.
        details: everything else, for the JSON alone.
    """

    what: str
    value: float | None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    runs: tuple[float, ...] = ()
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_runs(cls, what: str, runs: Sequence[float], **rest: Any) -> Figure:
        """The median of several runs."""
        return cls(what, Spread(tuple(runs)).median, runs=tuple(runs), **rest)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target. What could not be measured is not met."""
        if self.value is None:
            return False
        if self.at_least is None and self.at_most is None:
            return None
        is_enough = self.at_least is None or self.value >= self.at_least
        return is_enough and (self.at_most is None or self.value <= self.at_most)

    @property
    def target(self) -> str:
        """The target in words."""
        words = [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        words += [f"≤ {self.at_most:g}"] if self.at_most is not None else []
        return f"{' and '.join(words)} {self.unit}".strip() if words else ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self) | {"is_met": self.is_met}


def ratio_figure(what: str, ours: Sequence[float], theirs: Sequence[float], *, note: str = "", **rest: Any) -> Figure:
    """Ours over theirs, round by round."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    low, high = median_interval(ratios)
    medians = [Spread(tuple(values)).median for values in (ours, theirs)]
    return Figure.of_runs(
        what,
        ratios,
        note=f"{note}median within {low:.3f} .. {high:.3f} (95 %); medians {medians[0]:.3g} against {medians[1]:.3g}",
        details={"ours": list(ours), "theirs": list(theirs)},
        **rest,
    )


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    rows = [("what", "target", "measured", "spread", "met", "note"), ("---",) * 6]
    for figure in figures:
        measured = "not measured" if figure.value is None else f"{_shown(figure.value)} {figure.unit}".strip()
        spread = str(Spread(figure.runs)) if figure.runs else ""
        met = {True: "met", False: "**not met**", None: ""}[figure.is_met]
        rows.append((figure.what, figure.target, measured, spread, met, figure.note))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def report(figures: Sequence[Figure], path: Path, *, machine: Mapping[str, Any], heading: str = "", **more: Any) -> int:
    """Write figures, as `write_report` does, and print their table; returns 1 where a target is not met."""
    print(write_report(figures, path, machine=machine, heading=heading, **more), end="")
    return int(any(figure.is_met is False for figure in figures))


def write_report(
    figures: Sequence[Figure], path: Path, *, machine: Mapping[str, Any], heading: str = "", **more: Any
) -> str:
    """Write figures as JSON and as a table, each whole or not at all; returns the table.

    Args:
        figures: to tell.
        path: of both files, without a suffix.
        machine: that they are of.
        heading: of the table.
        more: what else the JSON has.
    """
    record = {"machine": machine, **more, "figures": [figure.to_dict() for figure in figures]}
    text = heading + table(figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(record, indent=1) + "\n"), (".md", text)):
        with replacing(path.with_suffix(suffix)) as temporary:
            temporary.write_text(content)
    return text
