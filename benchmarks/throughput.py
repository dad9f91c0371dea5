"""Images a second through HTTP, over what the same cores do in a loop without a server."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmarks.figures import Figure
from benchmarks.in_process import Arrangement, Baseline, arrangements, run_in_process
from benchmarks.plan import Plan
from benchmarks.service import Service, opsin
from benchmarks.spread import Spread
from benchmarks.workload import RESNET50, SHIPPED, Workload
from benchmarks.wrk import Load, run_wrk
from models.runtime.cores import available_cores

CONNECTIONS = (4, 16, 64, 256)
AT_LEAST = {RESNET50: 0.95, SHIPPED: 0.8}  # of in process
STEADY_CONNECTIONS = 16
P99_OVER_P50_AT_MOST = 2.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One load and the baseline measured just before it."""

    baseline: Baseline
    load: Load

    @property
    def ratio(self) -> float:
        """Through HTTP over in process."""
        return self.load.rate / self.baseline.rate


def measure_throughput(workload: Workload, plan: Plan) -> list[Figure]:
    """Ratios at each number of connections; the runs of server and baseline alternate."""
    best, trials = best_arrangement(workload, plan)
    pairs: dict[int, list[Pair]] = {connections: [] for connections in CONNECTIONS}
    with opsin(workload) as service:
        run_wrk(service, workload.requests(), connections=16, seconds=1.0)
        for _ in range(plan.rounds):
            for connections in CONNECTIONS:
                pairs[connections].append(_measure_pair(workload, plan, best, service, connections))
    baseline = Figure.of_runs(
        f"{workload.name}: decode + inference in process",
        [pair.baseline.rate for of_connections in pairs.values() for pair in of_connections],
        unit="images/s",
        note=f"best of {len(trials)} arrangements: {best}",
        details={"trials": trials},
    )
    ratios = [share_figure(workload, connections, found) for connections, found in pairs.items()]
    return [baseline, *ratios, tail_figure(workload, [pair.load for pair in pairs[STEADY_CONNECTIONS]])]


def best_arrangement(workload: Workload, plan: Plan) -> tuple[Arrangement, dict[str, float]]:
    """Try all; the best, and images a second of each."""
    # A small model gains by larger batches: what a call costs weighs more.
    batch_sizes = (1, 4) if workload.name == RESNET50 else (1, 4, 16)
    tried = arrangements(available_cores(), batch_sizes)
    rates = {arrangement: run_in_process(workload, arrangement, plan.trial_s).rate for arrangement in tried}
    best = max(rates, key=lambda arrangement: rates[arrangement])
    plan.say(f"{workload.name}: best in process is {best}, {rates[best]:.1f} images/s")
    return best, {str(arrangement): rate for arrangement, rate in rates.items()}


def _measure_pair(workload: Workload, plan: Plan, best: Arrangement, service: Service, connections: int) -> Pair:
    baseline = run_in_process(workload, best, plan.baseline_s)
    load = run_wrk(service, workload.requests(), connections=connections, seconds=plan.load_s)
    pair = Pair(baseline, load)
    plan.say(
        f"{workload.name}, {connections} connections: {load.rate:.1f} of {baseline.rate:.1f} images/s = "
        f"{pair.ratio:.3f}, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms, "
        f"{load.cpu_ms_per_answer:.2f} ms CPU an answer ({baseline.cpu_ms_per_image:.2f} in process), "
        f"{load.faults} faults"
    )
    return pair


def share_figure(workload: Workload, connections: int, pairs: list[Pair]) -> Figure:
    """Images a second over those in process, pair by pair."""
    rates = Spread(tuple(pair.load.rate for pair in pairs))
    p50_ms = Spread(tuple(pair.load.p50_ms for pair in pairs)).median
    p99_ms = Spread(tuple(pair.load.p99_ms for pair in pairs)).median
    cpu_ms = Spread(tuple(pair.load.cpu_ms_per_answer for pair in pairs)).median
    baseline_cpu_ms = Spread(tuple(pair.baseline.cpu_ms_per_image for pair in pairs)).median
    faults = sum(pair.load.faults for pair in pairs)
    return Figure.of_runs(
        f"{workload.name}: throughput at {connections} connections over in process",
        [pair.ratio for pair in pairs],
        at_least=AT_LEAST[workload.name],
        note=f"{rates.median:,.1f} images/s, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, "
        f"{cpu_ms:.2f} ms CPU an answer ({baseline_cpu_ms:.2f} in process)"
        + (f", {faults} answers other than 200" if faults else ""),
        details={"pairs": [{"baseline": asdict(pair.baseline), "load": pair.load.to_dict()} for pair in pairs]},
    )


def tail_figure(workload: Workload, loads: list[Load]) -> Figure:
    """How much longer than the usual request the slowest take."""
    return Figure.of_runs(
        f"{workload.name}: p99 over p50 at {STEADY_CONNECTIONS} connections",
        [load.p99_ms / load.p50_ms for load in loads],
        at_most=P99_OVER_P50_AT_MOST,
    )
