"""Tells whether int8 makes a model faster on this machine, in any runtime that is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.errors import CorruptArtifact
from models.pixels.spec import PixelSpec
from models.portable.golden import fitted_pixels, one_by_one
from models.portable.painting import PAINTED
from models.runtime import Runtime, RuntimeName
from models.runtime.model_file import load_file
from models.runtime_choice.agreement import compare
from models.runtime_choice.installed import PACKAGES, installed_runtimes
from models.runtime_choice.record import BASELINE
from models.store.model_files import format_of
from optimize.cost.rounds import NUM_ROUNDS, Rounds, interleave
from optimize.cost.timed_file import Clock, latency_ms

FASTER = 0.95  # int8's part of float32's time, from which on it is faster

Load = Callable[[RuntimeName, Path], Runtime]


@dataclass(frozen=True, slots=True)
class Gain:
    """The time of one image on one core, in ms, by runtime.

    Attributes:
        int8: of the runtimes whose answers are LiteRT's.
        float32: of all that run it.
        missing: runtimes that run such files, too, and are not installed.
    """

    int8: Mapping[str, Rounds]
    float32: Mapping[str, Rounds]
    missing: Sequence[str] = ()

    @property
    def ratio(self) -> float:
        """Return int8's time as a part of float32's, each in its fastest runtime."""
        int8, float32 = (min(rounds.median for rounds in times.values()) for times in (self.int8, self.float32))
        return int8 / float32

    @property
    def is_faster(self) -> bool:
        """Tell whether int8 takes less time."""
        return self.ratio <= FASTER

    def __str__(self) -> str:
        runtimes = " or ".join(dict.fromkeys([*self.float32, *self.int8]))
        text = f"int8 takes {self.ratio:.2f} of the time of float32 on this machine, with {runtimes}"
        return (
            f"{text} ({' and '.join(self.missing)}, not installed here, may tell otherwise)" if self.missing else text
        )


def measure_gain(
    int8: Path,
    float32: Path,
    *,
    pixels: PixelSpec,
    num_classes: int,
    runtimes: Iterable[RuntimeName] | None = None,
    load: Load | None = None,
    num_rounds: int = NUM_ROUNDS,
    clock: Clock = time.perf_counter,
) -> Gain:
    """Time both files with every runtime, in interleaved rounds; takes a second or two for each runtime.

    Args:
        int8: a `.tflite` file.
        float32: the same network as another one.
        pixels: how pictures are fitted, for both.
        num_classes: of both.
        runtimes: to try, LiteRT first; None for those that are installed.
        load: loads a file on one thread.
        num_rounds: at least 1.
        clock: seconds, monotonic.

    Raises:
        CorruptArtifact: LiteRT cannot run a file.
    """
    pictures = [fitted_pixels(name, pixels) for name in PAINTED]
    shape = (pixels.height_px, pixels.width_px, 3)
    load = load or (lambda name, file: load_file(file, input_shape=shape, num_classes=num_classes, runtime=name))
    tried = tuple(installed_runtimes() if runtimes is None else runtimes)
    able = [name for name in PACKAGES if format_of(name) is format_of(BASELINE)]
    measures: dict[str, dict[str, Callable[[], float]]] = {"int8": {}, "float32": {}}
    right = None
    with ExitStack() as stack:
        for runtime in (name for name in able if name in tried):
            for precision, file in (("int8", int8), ("float32", float32)):
                try:
                    loaded = stack.enter_context(closing(load(runtime, file)))
                except (CorruptArtifact, ImportError):
                    if runtime == BASELINE:
                        raise
                    continue
                if precision == "int8":
                    answers = one_by_one(loaded, pictures)
                    right = answers if right is None else right
                    if compare(answers, right).fault:  # sums that saturate, on processors without VNNI
                        continue
                call = partial(loaded.run, pictures[:1])
                measures[precision][runtime] = partial(latency_ms, call, clock)
        missing = [name for name in able if name not in tried]
        by_int8, by_float32 = interleave([*measures.values()], num_rounds=num_rounds, seed=0)
        return Gain(by_int8, by_float32, missing)
