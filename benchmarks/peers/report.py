"""The tables: a row a server, and Opsin over the best of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.figures import Figure, ratio_figure, table
from benchmarks.peers.contestants import OPSIN, PEERS, Contestant, Launch
from benchmarks.peers.environments import version_of
from benchmarks.peers.loads import STEADY, Kind
from benchmarks.peers.rounds import Comparison, Measured
from benchmarks.spread import Spread
from benchmarks.throughput import Pair, share_figure, tail_figure

AT_LEAST = 1.0  # of the best peer, under every load


def figures(comparison: Comparison, kinds: Sequence[Kind]) -> list[Figure]:
    """What is said of Opsin: over the best peer, over in process, and its tail."""
    ours = comparison.measured[OPSIN.name]
    if ours.failure:
        return [Figure(f"{comparison.workload.name}: Opsin", None, note=ours.failure)]
    found = [figure for kind in kinds if (figure := _over_best(comparison, kind))]
    for kind, baselines in comparison.baselines.items():
        pairs = [Pair(*both) for both in zip(baselines, ours.loads[kind], strict=True)]
        found.append(share_figure(comparison.workload, kind.connections, pairs))
    if STEADY in kinds:
        found.append(tail_figure(comparison.workload, ours.loads[STEADY]))
    return found


def _over_best(comparison: Comparison, kind: Kind) -> Figure | None:
    rates = {
        name: [load.rate for load in measured.loads[kind]]
        for name, measured in comparison.measured.items()
        if not measured.failure
    }
    ours = rates.pop(OPSIN.name)
    if not rates:
        return None
    best = max(rates, key=lambda name: Spread(tuple(rates[name])).median)
    what = f"{comparison.workload.name}: requests/s at {kind} over the best peer"
    return ratio_figure(what, ours, rates[best], note=f"{best}; ", at_least=AT_LEAST)


def rates_table(comparison: Comparison, kinds: Sequence[Kind]) -> str:
    """Requests/s of each server under each load, its tail, memory and start, as Markdown."""
    takes = ("memory", "start to first answer", "CPU when idle")
    header = ("requests/s", *map(str, kinds), f"p99 over p50, {STEADY}", *takes)
    rows = [header, ("---",) * len(header)]
    for name, measured in comparison.measured.items():
        cells = _cells(measured, kinds)
        rows.append((name, *(cells or [measured.failure, *[""] * (len(header) - 2)])))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cells(measured: Measured, kinds: Sequence[Kind]) -> list[str]:
    if measured.failure:
        return []
    cells = []
    for kind in kinds:
        loads = measured.loads[kind]
        faults = sum(load.faults for load in loads)
        cells.append(_span([load.rate for load in loads]) + (f", {faults} faults" if faults else ""))
    tails = [load.p99_ms / load.p50_ms for load in measured.loads.get(STEADY, [])]
    cells.append(_span(tails) if tails else "")
    idle = f"{100 * measured.idle_cores:.1f} %"
    return [*cells, f"{_span(measured.memory_mb)} MB", f"{_span(measured.starts_s)} s", idle]


def _span(values: Sequence[float]) -> str:
    spread = Spread(tuple(values))
    low, middle, high = (f"{value:.3g}" for value in (min(values), spread.median, max(values)))
    return f"**{middle}** {low} .. {high}" if len(values) > 1 else f"**{middle}**"


def document(comparison: Comparison, kinds: Sequence[Kind]) -> dict[str, Any]:
    """Everything, as JSON."""
    return {
        "figures": [figure.to_dict() for figure in figures(comparison, kinds)],
        "servers": {
            name: {
                "failure": measured.failure,
                "starts_s": measured.starts_s,
                "memory_mb": measured.memory_mb,
                "idle_cores": measured.idle_cores,
                "loads": {str(kind): [load.to_dict() for load in loads] for kind, loads in measured.loads.items()},
            }
            for name, measured in comparison.measured.items()
        },
        "in_process": {
            str(kind): [asdict(baseline) for baseline in baselines] for kind, baselines in comparison.baselines.items()
        },
    }


def report(comparison: Comparison, kinds: Sequence[Kind], heading: str) -> str:
    """The whole Markdown file."""
    settings = "\n".join(f"- {_titled(one)}: {one.settings}" for one in (OPSIN, *PEERS))
    parts = [heading, rates_table(comparison, kinds), table(figures(comparison, kinds)), settings]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _titled(contestant: Contestant) -> str:
    if not isinstance(contestant.start, Launch):
        return contestant.name
    name, *setting = contestant.name.split(",")
    return ",".join([f"{name} {version_of(contestant.start.peer)}", *setting])
