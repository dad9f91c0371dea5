"""What `python -m benchmarks.gpu` measures, how large, how long, and in which order."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

# Small pictures, which a card learns from faster than a host brings them.
FEEDING = ("pipeline alone", "step alone", "from the host, a step a call", "resident, many steps a call")
PARTS = ("inference", "training", "http")
Spec = dict[str, Any]  # one row to measure: "kind", and what that kind takes


@dataclass(frozen=True, slots=True)
class GPUPlan:
    """The full plan is for a card; `tiny` runs every line of it on a CPU.

    Attributes:
        minutes: for everything; what has not begun by then is "not measured".
        parts: some of `PARTS`; the limits are always measured.
        variant, width, image_px, num_classes: of the network.
        measure_s: of one row, after its warm-up.
        rounds: into which that is cut.
        max_batches: of the server, for each of which one is started.
        p99_at_most_ms: of the load over HTTP.
        row_limit_s: after which a row counts as hung, or after a third of the minutes.
        device: OPSIN_DEVICE of the server.
    """

    minutes: float = 25.0
    is_tiny: bool = False
    parts: tuple[str, ...] = PARTS
    variant: str = "50"
    width: int = 64
    image_px: int = 224
    num_classes: int = 1000
    matrix_side: int = 8192
    copy_bytes: int = 2**30
    measure_s: float = 3.0
    rounds: int = 3
    infer_batches: tuple[int, ...] = (128, 32, 64, 256, 8, 1)
    train_batches: tuple[int, ...] = (256, 512, 128)
    connections: tuple[int, ...] = (16, 32, 64, 96, 128, 192, 256, 384)
    max_batches: tuple[int, ...] = (64, 32)
    load_s: float = 5.0
    p99_at_most_ms: float = 15.0
    start_limit_s: float = 480.0
    row_limit_s: float = 420.0
    device: str = "gpu"
    began_at: float = field(default_factory=time.monotonic)

    @classmethod
    def tiny(cls, minutes: float = 60.0) -> GPUPlan:
        """Every experiment at its smallest."""
        return cls(
            minutes=minutes,
            is_tiny=True,
            variant="8",
            width=4,
            image_px=32,
            num_classes=10,
            matrix_side=64,
            copy_bytes=2**20,
            measure_s=0.01,
            rounds=1,
            infer_batches=(2,),
            train_batches=(2,),
            connections=(1,),
            max_batches=(2,),
            load_s=0.5,
            p99_at_most_ms=60_000.0,
            start_limit_s=600.0,
            row_limit_s=900.0,
            device="auto",
        )

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self.began_at + 60 * self.minutes - time.monotonic()

    @property
    def patience_s(self) -> float:
        """Seconds that are waited for a row, so that one that hangs leaves time for others."""
        return min(self.row_limit_s, 60 * self.minutes / 3, self.left_s)

    def groups(self) -> tuple[list[list[Spec]], list[list[Spec]]]:
        """What is measured before HTTP and after it, the most important first: a row of each target, and the limits.

        The rows of a group share a process; on a card each group finds it empty.
        """
        before: list[list[Spec]] = [[{"kind": "model"}]]
        after: list[list[Spec]] = []
        if "inference" in self.parts or "http" in self.parts:
            first, *rest = self._inference(xla=True)
            before.append([first])
            after.append(rest)
        if "training" in self.parts:
            first, *rest = self._training("mixed_float16", xla=True)
            before.append([first])
            after += [rest, self._training("mixed_bfloat16", xla=True)]
        before.append(_limits())
        if "inference" in self.parts:
            after.append(self._inference(xla=False))
        if "training" in self.parts:
            others = [("mixed_float16", False), ("float32", True), ("mixed_bfloat16", False), ("float32", False)]
            after += [self._training(precision, xla=xla) for precision, xla in others]
            after.append([{"kind": "feeding", "way": way} for way in FEEDING])
        after = [group for group in after if group]
        return ([[spec for group in before + after for spec in group]], []) if self.is_tiny else (before, after)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    def say(self, text: str) -> None:
        """Tell whoever waits what is going on."""
        print(f"[{time.monotonic() - self.began_at:5.0f} s] {text}", file=sys.stderr, flush=True)

    def _inference(self, *, xla: bool) -> list[Spec]:
        sizes = self.infer_batches if "inference" in self.parts else self.infer_batches[:2]  # for HTTP to compare with
        return [
            {"kind": "inference", "batch_size": size, "xla": xla, "num_runners": num_runners}
            for size in sizes
            for num_runners in ((2, 1) if size == self.infer_batches[0] else (2,))
        ]

    def _training(self, precision: str, *, xla: bool) -> list[Spec]:
        return [
            {"kind": "training", "batch_size": size, "precision": precision, "xla": xla} for size in self.train_batches
        ]


def _limits() -> list[Spec]:
    products: list[Spec] = [{"kind": "limit", "dtype": dtype} for dtype in ("float16", "bfloat16", "float32")]
    return products + [{"kind": "copy", "way": way} for way in ("on the device", "to the device")]
