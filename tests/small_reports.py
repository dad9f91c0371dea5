"""Reports of made-up figures, for what is made of them."""

from __future__ import annotations

from typing import Any

from models.measuring.metrics import Metrics
from optimize.agreement import Agreement
from optimize.changes import Changes
from optimize.cost.latency import Latency
from optimize.cost.rounds import Rounds
from optimize.cost.tflite_file import TFLiteFile
from optimize.report.accuracy import Accuracy
from optimize.report.figures import Report
from optimize.report.machine import Machine
from optimize.report.on_gpu import OnGPU
from optimize.report.row import Row, relative

ON_GPU = OnGPU(
    "float16", Agreement(0.9935, Metrics(10_000, 0.92, 0.99, 0.3, 0.05), Metrics(10_000, 0.9256, 0.99, 0.3, 0.05))
)
MACHINE = Machine(
    cpu="A Processor 9000",
    num_cores=2,
    load=0.5,
    system="Linux",
    python="3.11.7",
    packages={"numpy": "2.4.6"},
    date="2026-11-21T12:00:00+00:00",
)
BASE_FILE = TFLiteFile(
    num_bytes=1_200_000,
    gzip_bytes=1_000_000,
    num_parameters=270_000,
    macs=40_800_000,
    sparsity=0.0,
    operators={"CONV_2D": 21, "ADD": 9, "SOFTMAX": 1},
    float_operators=("SOFTMAX",),
)
BASE_LATENCY = Latency(Rounds((0.6, 0.5, 0.7)), Rounds((1.2, 1.0, 1.4)), Rounds((2000.0,) * 3), 4, 5_000_000)


def small_row(name: str, *, top1: float = 0.9, speed: float = 1.0, scale: float = 1.0, **changes: Any) -> Row:
    """A row of a report with two classes; `speed` and `scale` are times those of the baseline."""
    file = TFLiteFile(
        num_bytes=round(BASE_FILE.num_bytes * scale),
        gzip_bytes=round(BASE_FILE.gzip_bytes * scale),
        num_parameters=round(BASE_FILE.num_parameters * scale),
        macs=round(BASE_FILE.macs * scale),
        sparsity=0.5,
        operators=BASE_FILE.operators,
        float_operators=BASE_FILE.float_operators,
    )
    latency = Latency(
        Rounds(tuple(value / speed for value in BASE_LATENCY.all_cores.values)),
        Rounds(tuple(value / speed for value in BASE_LATENCY.one_core.values)),
        Rounds(tuple(value * speed for value in BASE_LATENCY.throughput.values)),
        4,
        round(BASE_LATENCY.memory_bytes * scale),
    )
    fields = {
        "name": name,
        "precision": "int8",
        "is_external": False,
        "accuracy": Accuracy(Metrics(10_000, top1, 0.99, 0.3, 0.05), (top1, top1)),
        "changes": Changes(10_000, 120, 20, 30, (Changes(200, 6, 1, 0), Changes(200, 0, 1, 0))),
        "file": file,
        "latency": latency,
        "relative": relative(file, latency, to_file=BASE_FILE, to_latency=BASE_LATENCY),
    }
    return Row(**{**fields, **changes})


def small_report(*rows: Row, **changes: Any) -> Report:
    """A report whose first row is the baseline."""
    fields = {
        "rows": rows,
        "baseline": rows[0].name,
        "labels": ("cat", "dog"),
        "data_name": "pets",
        "data_sha256": "0" * 64,
        "machine": MACHINE,
        "num_rounds": 3,
        "command": "python -m optimize report dense:1 small:1",
        "notes": (),
    }
    return Report(**{**fields, **changes})


def usual_report() -> Report:
    """A baseline and one that is twice as fast, at half the size, one point worse."""
    return small_report(small_row("dense:1", top1=0.93), small_row("small:1", top1=0.92, speed=2.0, scale=0.5))


def plain(text: str) -> str:
    """The text with signs as a keyboard has them."""
    return text.translate(str.maketrans("\N{MINUS SIGN}\N{MULTIPLICATION SIGN}\N{EN DASH}", "-x-"))
