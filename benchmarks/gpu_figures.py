"""The table of the GPU's figures: each row with its part of what the card can do, the targets first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Figure
from benchmarks.gpu_plan import GPUPlan
from benchmarks.gpu_rows import Row

TRAINING_AT_LEAST = 5_000.0  # images/s, all three on one H200
INFERENCE_AT_LEAST = 10_000.0
HTTP_AT_LEAST = 0.85  # of in-process inference
FLOPS_PER_MAC = 2
PASSES_OF_TRAINING = 3  # forward, and twice that for the gradients of activations and weights
FLOAT16_BYTES = 2
CORES_BOUND = 0.5  # of the cores' time goes into decoding alone; requests, answers and the load take the rest
PARTS_OF_TARGETS = ("training", "inference", "http", "http")
COMPUTES_IN = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class GPUFigures:
    """Rows in, table out; may be asked at any time, with the rows that there are."""

    def __init__(self, plan: GPUPlan, rows: Sequence[Row]) -> None:
        self._plan, self._rows = plan, rows
        self._limits = {spec["dtype"]: record["rate"] for spec, record in self._measured("limit")}
        self._copies = {spec["way"]: record["rate"] for spec, record in self._measured("copy")}
        self._best_inference = self._best("inference")

    def all(self) -> list[Figure]:
        """The targets, then every row in the order in which it was measured."""
        make = {
            "limit": self._limit,
            "copy": self._copy,
            "training": self._training,
            "feeding": self._feeding,
            "inference": self._inference,
            "http": self._http,
            "start": self._start,
            "memory": self._memory,
            "decode": self._decode,
            "model": self._model,
        }
        return [*self._targets(), *(make[spec["kind"]](spec, record) for spec, record in self._rows)]

    def _targets(self) -> list[Figure]:
        training, http = self._best("training"), self._best("http", what="pixels")
        ratio = http / self._best_inference if http and self._best_inference else None
        jpegs = self._best("http", what="JPEGs")
        targets = [
            self._target("training, best", training, TRAINING_AT_LEAST, "images/s"),
            self._target("inference in process, best", self._best_inference, INFERENCE_AT_LEAST, "images/s"),
            self._target(f"HTTP with pixels, {self._in_time}, over inference in process", ratio, HTTP_AT_LEAST),
            Figure(
                f"HTTP with JPEGs, {self._in_time}",
                jpegs,
                "images/s",
                note=self._cores(jpegs) if jpegs else "no row was measured",
            ),
        ]
        return [target for part, target in zip(PARTS_OF_TARGETS, targets, strict=True) if part in self._plan.parts]

    def _target(self, what: str, value: float | None, at_least: float, unit: str = "") -> Figure:
        note = "" if value is not None else "no row that it is made of was measured"
        return Figure(what, value, unit, at_least=None if self._plan.is_tiny else at_least, note=note)

    def _limit(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        side = self._plan.matrix_side
        kind = " (TF32 where the card has it)" if spec["dtype"] == "float32" else ""
        return _figure(f"limit: {spec['dtype']} product of {side} x {side}{kind}", record, "TFLOP/s", scale=1e-12)

    def _copy(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        return _figure(f"limit: copy {spec['way']}", record, "GB/s", scale=1e-9)

    def _model(self, _: dict[str, Any], record: dict[str, Any]) -> Figure:
        what = f"ResNet-{self._plan.variant}-v2, {self._plan.image_px} px: forward pass of one image"
        if "error" in record:
            return _figure(what, record, "GMAC")
        return Figure(what, record["macs"] / 1e9, "GMAC", details=record)

    def _training(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        what = f"training, {spec['precision']}, {_xla(spec)}, batch {spec['batch_size']}"
        dtype = COMPUTES_IN[spec["precision"]]
        note = [
            self._product_share(record, dtype, PASSES_OF_TRAINING),
            _seconds("first step", record.get("warm_up_s")),
            _memory_note(record),
        ]
        return _figure(what, record, "images/s", note=_joined(note))

    def _feeding(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        return _figure(f"training, preset cifar10, float32: {spec['way']}", record, "images/s")

    def _inference(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        threads = f"{spec['num_runners']} runner{'s' if spec['num_runners'] > 1 else ''}"
        what = f"inference in process, float16, {_xla(spec)}, batch {spec['batch_size']}, {threads}"
        note = [
            self._product_share(record, "float16", 1),
            self._copy_share(record),
            _seconds("loaded and warm", record.get("load_s")),
            _memory_note(record),
        ]
        return _figure(what, record, "images/s", note=_joined(note))

    def _http(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        what = f"HTTP with {spec['what']}, {self._in_time}, largest batch {spec['max_batch']}"
        if "error" in record:
            return _figure(what, record, "images/s")
        best = record["best"]
        note = [f"{best['connections']} connections, p50 {best['p50_ms']:.1f} ms, p99 {best['p99_ms']:.1f} ms"]
        if self._best_inference:
            note.append(f"{record['rate'] / self._best_inference:.0%} of inference in process")
        if "JPEG" in spec["what"]:
            note.append(self._cores(record["rate"]))
        return _figure(what, record, "images/s", note=_joined(note))

    def _start(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        caches = "driver's cache empty" if spec["what"] == "cold" else "driver's cache filled"
        what = f"start to ready, {caches}, largest batch {spec['max_batch']}"
        return _figure(what, record, "s", note=f"on {', '.join(record['devices'])}" if "devices" in record else "")

    def _memory(self, spec: dict[str, Any], record: dict[str, Any]) -> Figure:
        what = f"server after the load, PSS of all processes, largest batch {spec['max_batch']}"
        return _figure(what, record, "MB", scale=1e-6, note=_memory_note(record))

    def _decode(self, _: dict[str, Any], record: dict[str, Any]) -> Figure:
        note = f"{record['num_cores']} cores" if "num_cores" in record else ""
        return _figure("limit: JPEGs of 500 x 375 decoded by one core", record, "images/s", note=note)

    @property
    def _in_time(self) -> str:
        return f"p99 ≤ {self._plan.p99_at_most_ms:g} ms"

    def _measured(self, kind: str) -> list[Row]:
        return [(spec, record) for spec, record in self._rows if spec["kind"] == kind and "error" not in record]

    def _best(self, kind: str, *, what: str = "") -> float | None:
        return max(
            (record["rate"] for spec, record in self._measured(kind) if what in spec.get("what", "")), default=None
        )

    def _product_share(self, record: dict[str, Any], dtype: str, passes: int) -> str:
        if "error" in record or dtype not in self._limits:
            return ""
        share = record["rate"] * passes * FLOPS_PER_MAC * record["macs"] / self._limits[dtype]
        return f"{share:.1%} of the {dtype} product"

    def _copy_share(self, record: dict[str, Any]) -> str:
        """Of the device's memory, were every convolution's output written once and read once."""
        if "error" in record or "on the device" not in self._copies:
            return ""
        share = record["rate"] * 2 * FLOAT16_BYTES * record["elements"] / self._copies["on the device"]
        return f"{share:.1%} of the copy"

    def _cores(self, rate: float) -> str:
        found = [record for _, record in self._measured("decode")]
        if not found:
            return ""
        most = found[0]["rate"] * found[0]["num_cores"]
        share = rate / most
        bound = ": bound by the host's cores" if share >= CORES_BOUND else ""
        return f"{share:.0%} of what {found[0]['num_cores']} cores decode ({most:,.0f}/s){bound}"


def _figure(what: str, record: dict[str, Any], unit: str, *, scale: float = 1.0, note: str = "") -> Figure:
    if "error" in record:
        return Figure(what, None, unit, note=record["error"].replace("|", "/"), details=record)
    runs = tuple(scale * run for run in record.get("runs", ()))
    return Figure(what, scale * record["rate"], unit, runs=runs, note=note, details=record)


def _xla(spec: dict[str, Any]) -> str:
    return "XLA" if spec["xla"] else "no XLA"


def _seconds(what: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{what} after {seconds:.1f} s"


def _memory_note(record: dict[str, Any]) -> str:
    found = record.get("device_bytes")
    return "" if found is None else f"{found / 1e9:.2f} GB on the device"


def _joined(parts: Sequence[str]) -> str:
    return ", ".join(part for part in parts if part)
