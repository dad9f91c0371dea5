"""How long a start takes, and how much memory the server lives in."""

from __future__ import annotations

from benchmarks import processes
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.service import opsin
from benchmarks.workload import Workload
from benchmarks.wrk import run_wrk

START_AT_MOST_S = 1.0
MEMORY_AT_MOST_MB = 160.0
WORKERS = 2
LOADED_S = 3.0


def measure_start(workload: Workload, plan: Plan) -> list[Figure]:
    """From the start of the process to the first 200 of /readyz."""
    starts_s = []
    for _ in range(plan.starts + 1):
        with opsin(workload) as service:
            starts_s.append(service.start_s)
    return [
        Figure.of_runs(
            f"{workload.name}: start to ready",
            starts_s[1:],  # the first may have read files and compiled modules that later ones find ready
            unit="s",
            at_most=START_AT_MOST_S,
            note=f"the very first took {starts_s[0]:.2f} s",
        )
    ]


def measure_memory(workload: Workload, plan: Plan) -> list[Figure]:
    """Proportional set size of all processes after some load, at several times."""
    runs_mb, by_process = [], {}
    for _ in range(plan.rounds):
        with opsin(workload, workers=str(WORKERS)) as service:
            fresh_mb = processes.pss_bytes(service.pids()) / 1e6
            run_wrk(service, workload.requests(), connections=16, seconds=LOADED_S)
            runs_mb.append(processes.pss_bytes(service.pids()) / 1e6)
            by_process = {f"{processes.title(pid)} ({pid})": processes.pss_bytes([pid]) / 1e6 for pid in service.pids()}
    return [
        Figure.of_runs(
            f"{workload.name}: memory (PSS of all processes) with {WORKERS} workers",
            runs_mb,
            unit="MB",
            at_most=MEMORY_AT_MOST_MB,
            note=f"{fresh_mb:.0f} MB before the first request",
            details={"last run, MB by process": by_process},
        )
    ]
