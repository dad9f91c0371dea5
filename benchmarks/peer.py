"""Opsin beside FastAPI and uvicorn around the same runtime: where the model is small, the web layer is the cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.checker import TopK, agree, top_k_of
from benchmarks.connection import Connection
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.service import Service, free_port, opsin
from benchmarks.spread import Spread
from benchmarks.workload import Form, Workload
from benchmarks.wrk import Load, run_wrk
from models.runtime.cores import available_cores

CONNECTIONS = 16
AT_LEAST, AIM = 1.0, 1.5
FORMS: tuple[Form, ...] = ("raw", "multipart")
PATHS = {"raw": "/predict", "multipart": "/form"}  # of the peer, where each is an endpoint of its own


@dataclass(frozen=True, slots=True)
class Setting:
    """How the peer is run: processes, and threads of each that decode and run (0: the event loop itself)."""

    workers: int
    pool: int

    def __str__(self) -> str:
        return f"{self.workers} workers, {f'{self.pool} threads' if self.pool else 'in the event loop'}"


def measure_peer(workload: Workload, plan: Plan) -> list[Figure]:
    """Requests a second of both at 16 connections, in alternating runs, the peer at its best setting."""
    return [_measure_form(workload, plan, form) for form in FORMS]


def _measure_form(workload: Workload, plan: Plan, form: Form) -> Figure:
    trials = {setting: _try(workload, setting, plan, form) for setting in _settings()}
    best = max(trials, key=lambda setting: trials[setting])
    plan.say(f"{workload.name}, {form}: FastAPI is best with {best}, {trials[best]:.0f} requests/s")
    ours: list[Load] = []
    theirs: list[Load] = []
    with opsin(workload) as opsin_service, fastapi(workload, best) as peer_service:
        check_same_answers(workload, opsin_service, peer_service)
        for _ in range(plan.rounds + 1):
            theirs.append(_load(workload, peer_service, plan.load_s, form, PATHS[form]))
            ours.append(_load(workload, opsin_service, plan.load_s, form, "/predict"))
            plan.say(f"{workload.name}, {form}: Opsin {ours[-1].rate:.0f}, FastAPI {theirs[-1].rate:.0f} requests/s")
    return _figure(workload, form, best, (ours[1:], theirs[1:]), trials)  # the first round warms both up


def _figure(
    workload: Workload, form: Form, best: Setting, loads: tuple[list[Load], list[Load]], trials: dict[Setting, float]
) -> Figure:
    ours, theirs = loads
    num_cores = available_cores()
    our_rate, their_rate = (Spread(tuple(load.rate for load in of_one)).median / num_cores for of_one in loads)
    our_cpu, their_cpu = (Spread(tuple(load.cpu_ms_per_answer for load in of_one)).median for of_one in loads)
    return Figure.of_runs(
        f"{workload.name}: {form} requests/s at {CONNECTIONS} connections over FastAPI + uvicorn",
        [our.rate / their.rate for our, their in zip(ours, theirs, strict=True)],
        at_least=AT_LEAST,
        note=f"aim {AIM}; {our_rate:.0f} against {their_rate:.0f} a core; {our_cpu:.2f} against {their_cpu:.2f} ms CPU "
        f"a request; FastAPI at its best of {len(trials)} settings: {best}"
        + "".join(f"; {load.faults} faults" for load in (*ours, *theirs) if load.faults),
        details={
            "opsin": [load.to_dict() for load in ours],
            "fastapi": [load.to_dict() for load in theirs],
            "trials": {str(setting): rate for setting, rate in trials.items()},
        },
    )


def _settings() -> list[Setting]:
    num_cores = available_cores()
    return [Setting(num_cores, 0), Setting(num_cores, 1), Setting(num_cores, 2), Setting(2 * num_cores, 0)]


def _try(workload: Workload, setting: Setting, plan: Plan, form: Form) -> float:
    with fastapi(workload, setting) as service:
        return _load(workload, service, plan.trial_s, form, PATHS[form]).rate


def _load(workload: Workload, service: Service, seconds: float, form: Form, path: str) -> Load:
    return run_wrk(service, workload.requests(form, path=path), connections=CONNECTIONS, seconds=seconds)


@contextlib.contextmanager
def fastapi(workload: Workload, setting: Setting) -> Iterator[Service]:
    """Start the peer."""
    port = free_port()
    command = ["-m", "uvicorn", "--factory", "benchmarks.fastapi_peer:create_app", "--loop", "uvloop"]
    command += ["--http", "httptools", "--port", str(port), "--workers", str(setting.workers)]
    command += ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"]
    environ = {
        "PEER_REPOSITORY": str(workload.repository),
        "PEER_MODEL": workload.model,
        "PEER_POOL": str(setting.pool),
    }
    with Service(command, environ, port=port, ready_path="/readyz") as service:
        yield service


def check_same_answers(workload: Workload, ours: Service, theirs: Service) -> None:
    """The comparison is fair only if both do the same.

    Raises:
        RuntimeError: an answer differs in more than the last digits.
    """
    for form in FORMS:
        for number, (one, other) in enumerate(
            zip(workload.requests(form), workload.requests(form, path=PATHS[form]), strict=True)
        ):
            answers = (_top_k(ours, one), _top_k(theirs, other))
            if not agree(*answers):
                raise RuntimeError(f"photo {number} ({form}) has different answers: {answers[0]} and {answers[1]}")


def _top_k(service: Service, request: bytes) -> TopK:
    with Connection(service.port) as connection:
        [prediction] = connection.ask(request).json()["predictions"]
    return top_k_of(prediction)
