"""Loads a `.tflite` file and times it: call by call, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.quiet_stderr import quiet_stderr

Clock = Callable[[], float]

_SLICE_S = 0.1  # that a measurement takes, about
_MIN_CALLS, _MAX_CALLS = 5, 500


class LoadedFile:
    """An interpreter with images; a call puts them in, runs it, and takes the output out."""

    def __init__(self, path: Path, *, num_threads: int, batch_size: int) -> None:
        """Load the file and run it once.

        Raises:
            ValueError: LiteRT cannot load it, it has several inputs or outputs, or it takes no batch of that size.
        """
        self.batch_size = batch_size
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
            [image], [output] = self._interpreter.get_input_details(), self._interpreter.get_output_details()
            shape = [batch_size, *(int(size) for size in image["shape"][1:])]
            if list(image["shape"]) != shape:
                self._interpreter.resize_tensor_input(image["index"], shape)
            with quiet_stderr():
                self._interpreter.allocate_tensors()
            self._input, self._output = image["index"], output["index"]
            # Every value of a byte, whatever the type makes of it: how long a kernel takes does not depend on it.
            pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
            self._images: npt.NDArray[np.generic] = pixels.astype(np.dtype(image["dtype"]))
            output_shape = self().shape
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path.name} cannot be run by LiteRT at batch size {batch_size}") from error
        if output_shape[:1] != (batch_size,):
            raise ValueError(
                f"{path.name} must give [{batch_size}, ...] for {batch_size} images, got {list(output_shape)}"
            )

    def __call__(self) -> npt.NDArray[np.generic]:
        """Run it; returns the output, [batch_size, ...]."""
        self._interpreter.set_tensor(self._input, self._images)
        self._interpreter.invoke()
        output: npt.NDArray[np.generic] = self._interpreter.get_tensor(self._output)
        return output


def latency_ms(call: Callable[[], object], clock: Clock) -> float:
    """Return the median of as many calls as take about a tenth of a second."""
    return 1000 * median(_call_s(call, clock) for _ in range(_num_calls(call, clock)))


def images_per_s(loaded: Sequence[LoadedFile], clock: Clock) -> float:
    """Return the images a second of several interpreters, each in a thread that ends with this call."""
    num_calls = _num_calls(loaded[0], clock)

    def repeat(own: LoadedFile) -> None:
        for _ in range(num_calls):
            own()

    with ThreadPoolExecutor(len(loaded)) as pool:
        begun_s = clock()
        list(pool.map(repeat, loaded))
        taken_s = clock() - begun_s
    return num_calls * sum(own.batch_size for own in loaded) / taken_s


def _num_calls(call: Callable[[], object], clock: Clock) -> int:
    # These calls also bring the file's weights back into the caches, where another's have been.
    call_s = min(_call_s(call, clock) for _ in range(3))
    return max(_MIN_CALLS, min(_MAX_CALLS, round(_SLICE_S / max(call_s, 1e-9))))


def _call_s(call: Callable[[], object], clock: Clock) -> float:
    begun_s = clock()
    call()
    return clock() - begun_s
