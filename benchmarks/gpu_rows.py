"""Rows measured in a process of their own: one that crashes, hangs or runs out of memory costs one row."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.folders import ROOT
from benchmarks.gpu_plan import GPUPlan, Spec
from benchmarks.gpu_worker import MARK

Row = tuple[Spec, dict[str, Any]]  # its record has "error" where it could not be measured
WORKER = ("-m", "benchmarks.gpu_worker")
TIME_OVER = "the time was over"


def measure_rows(
    plan: GPUPlan, specs: Sequence[Spec], repository: Path, *, worker: Sequence[str] = WORKER
) -> Iterator[Row]:
    """Measure the rows in order; every one of them comes, with what was found or why nothing was."""
    waiting = list(specs)
    while waiting:
        if plan.left_s <= 0:
            yield from ((spec, {"error": TIME_OVER}) for spec in waiting)
            return
        num_done = 0
        for spec, record in _one_process(plan, waiting, repository, worker):
            num_done += 1
            yield spec, record
        waiting = waiting[num_done:]


def _one_process(plan: GPUPlan, specs: list[Spec], repository: Path, worker: Sequence[str]) -> Iterator[Row]:
    """At least one row: the last is the one that failed or ended the process, if that did not measure them all."""
    request = json.dumps({"plan": plan.to_dict(), "specs": specs, "repository": str(repository)})
    process = subprocess.Popen(
        [sys.executable, *worker, request], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    num_done = 0
    try:
        while num_done < len(specs):
            patience_s = plan.patience_s
            try:
                line = lines.get(timeout=max(0.0, patience_s))
            except queue.Empty:
                over = TIME_OVER if plan.left_s <= 0 else f"it took more than {patience_s:.0f} s"
                yield specs[num_done], {"error": over}
                return
            if line is None:
                yield specs[num_done], {"error": f"the process ended with status {process.wait()}"}
                return
            if line.startswith(MARK) and "record" in (found := json.loads(line.removeprefix(MARK))):
                yield specs[num_done], found["record"]
                num_done += 1
                if "error" in found["record"]:  # a card that failed, or is full, fails the process from then on
                    return
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout as output:
        for line in output:
            lines.put(line)
    lines.put(None)
