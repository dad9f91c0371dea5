"""The table of a soak: what must be zero, what must be noise, and what there was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.figures import Figure
from benchmarks.spread import percentile
from soak.clients import CUT, GIVEN_UP, LATE_AS_EXPLAINED
from soak.holdings import MORE_MEMORY
from soak.judge import ANSWERED, OVERLOADED, REFUSED
from soak.run import Soaked
from soak.slope import slope_of


def figures_of(soaked: Soaked) -> list[Figure]:
    return [*traffic_figures(soaked), *memory_figures(soaked), *holdings_figures(soaked), *log_figures(soaked)]


def traffic_figures(soaked: Soaked) -> list[Figure]:
    tally = soaked.tally
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, outcome), count in sorted(tally.outcomes.items()):
        by_kind.setdefault(kind, {})[outcome] = count
    done = ", ".join(f"{count} x {what}" for what, count in sorted(soaked.journal.counts().items()))
    times = tally.latencies_ms
    figures = [
        Figure("requests", sum(tally.outcomes.values()), details=by_kind, note=f"at {soaked.plan.rate:g} a second"),
        Figure("disturbances", sum(soaked.journal.counts().values()), note=done),
    ]
    for outcome in (ANSWERED, REFUSED, OVERLOADED, LATE_AS_EXPLAINED, CUT, GIVEN_UP):
        figures.append(Figure(outcome, tally.total(outcome)))
    if times:
        note = f"the slowest {max(times):,.0f}"
        figures.append(Figure("one picture: p50", percentile(times, 50), "ms"))
        figures.append(Figure("one picture: p99", percentile(times, 99), "ms", note=note))
    figures.append(zero("wrong answers", tally.wrong))
    figures.append(zero("unexplained errors", tally.unexplained))
    return figures


def memory_figures(soaked: Soaked) -> list[Figure]:
    """The slopes: of all processes in the second half, and of those that have been spared, in the last third.

    The second is the sharper, once they are warm. It is of what each has alone: slots that all share are used from
    their first large image on, so that their memory grows for long, up to a bound.
    """
    half_s, warm_s = soaked.plan.seconds / 2, soaked.plan.seconds * 2 / 3
    everything = list(zip(soaked.times_s, soaked.pss_bytes, strict=True))
    spared = [(at, pss) for at, pss in zip(soaked.times_s, soaked.spared_bytes, strict=True) if pss and at >= warm_s]
    return [
        slope_figure("memory of all processes: slope", [(at, pss) for at, pss in everything if at >= half_s]),
        slope_figure("memory that those alone have which were spared: slope", spared),
    ]


def slope_figure(what: str, samples: Sequence[tuple[float, float]]) -> Figure:
    times_s, pss_bytes = [at for at, _ in samples], [pss for _, pss in samples]
    details = {"times_s": times_s, "pss_bytes": pss_bytes}
    slope = slope_of([at / 60 for at in times_s], [pss / 1000 for pss in pss_bytes])
    if slope is None:
        return Figure(what, 0.0, "kB/min", note=f"{len(samples)} samples are too few to tell", details=details)
    note = f"standard error {slope.standard_error:.1f}; mean {sum(pss_bytes) / len(samples) / 1e6:.0f} MB"
    note += f", {len(samples)} samples"
    return Figure(what, round(slope.value, 1), "kB/min", at_most=round(slope.noise, 1), note=note, details=details)


def holdings_figures(soaked: Soaked) -> list[Figure]:
    before, after = soaked.before, soaked.after
    assert before
    assert after
    ratio = after.pss_bytes / before.pss_bytes
    note = f"{before.pss_bytes / 1e6:.0f} MB, then {after.pss_bytes / 1e6:.0f} MB"
    figures = [Figure("memory after a rest over that before", round(ratio, 3), at_most=MORE_MEMORY, note=note)]
    for kind, added in after.added_since(before).items():
        figures.append(Figure(f"{kind} more than before", added.total(), at_most=0, note=listed(added)))
    return figures


def log_figures(soaked: Soaked) -> list[Figure]:
    tracebacks = [line for line in soaked.log if line.startswith("Traceback") or "internal_error" in line]
    return [
        zero("processes and segments left once it had stopped", soaked.left),
        zero("tracebacks in the log", tracebacks),
    ]


def zero(what: str, faults: Sequence[str]) -> Figure:
    """Make a row of which there must be none."""
    return Figure(what, len(faults), at_most=0, note="; ".join(faults[:3]), details={"all": list(faults[:200])})


def listed(added: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in sorted(added.items()))
