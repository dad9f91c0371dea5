"""Runs a model on the CPU by OpenVINO, optionally, from the same `.tflite` file as LiteRT."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checks import at_least
from models.errors import CorruptArtifact, RunFailed
from models.explanation.explainable_file import ExplainableFile
from models.runtime.tensors import Images, Probabilities, Signature, TensorType, copy_images

# OpenVINO's model converter, which a server has no use for, reports every import over the network; OpenVINO does
# without it where it cannot be imported.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # None is Python's mark for that
import openvino as ov  # noqa: E402


class OpenVINORuntime:
    """One model, compiled once for each of a few batch sizes; other numbers of images are run in parts of those sizes.

    A graph of fixed shape is faster than one of any batch size, and much faster where sizes alternate. `run` releases
    the GIL while it computes, and copies pixels and probabilities once each. Threads sleep while there is no work.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
        num_threads: int = 1,
        batch_sizes: Sequence[int] = (1,),
        explainable: ExplainableFile | None = None,
    ) -> None:
        """Load and compile a `.tflite` file.

        Args:
            path: of the file.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            num_threads: that one call of `run` uses.
            batch_sizes: to compile for, beside 1; each holds memory of its own.
            explainable: the same file, where `features` is wanted, too.

        Raises:
            CorruptArtifact: the file cannot be loaded, or takes or gives something else.
        """
        at_least(1, num_threads=num_threads)
        self._signature = Signature(input_shape, num_classes)
        self._parts: list[tuple[int, int]] = []  # of the last run: the first image of each, and how many they are
        core = ov.Core()
        try:
            model = core.read_model(path)
            inputs, outputs = _types_of(model.inputs), _types_of(model.outputs)
            self._signature.check_model(path.name, inputs=inputs, outputs=outputs)
            if explainable is not None:
                pooling = _last_pooling(model)
                self._is_channels_last = _is_channels_last(pooling)
                model.add_outputs([pooling.input(0).get_source_output()])
            self._requests = {
                size: _compiled(core, model, [size, *input_shape], num_threads)
                for size in sorted({1, *batch_sizes}, reverse=True)
            }
        except (ValueError, RuntimeError):
            raise CorruptArtifact(f"{path.name} cannot be loaded by OpenVINO") from None

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; N may be any number >= 1.

        Raises:
            RunFailed: OpenVINO reports an error; the next call may succeed.
        """
        self._signature.check_images(images)
        probabilities = np.empty((len(images), self._signature.num_classes), np.float32)
        self._parts, start = [], 0
        while start < len(images):
            # The sizes are in falling order and end with 1.
            size = next(size for size in self._requests if size <= len(images) - start)
            request = self._requests[size]
            try:
                copy_images(images[start : start + size], request.get_input_tensor().data)
                request.infer()
            except (ValueError, RuntimeError) as error:
                raise RunFailed(f"OpenVINO failed on {size} images") from error
            probabilities[start : start + size] = request.get_output_tensor(0).data
            self._parts.append((start, size))
            start += size
        return probabilities

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels].

        That run had at most as many images as the largest batch size, so that no part of it was of the size of another.
        """
        start, size = next(part for part in reversed(self._parts) if part[0] <= index)
        maps: npt.NDArray[np.float32] = self._requests[size].get_output_tensor(1).data[index - start]
        return np.array(maps if self._is_channels_last else maps.transpose(1, 2, 0), np.float32)

    def close(self) -> None:
        """Free the compiled model; a second call does nothing."""
        self._requests = {}


def _compiled(core: Any, model: Any, shape: list[int], num_threads: int) -> Any:
    model.reshape(shape)
    options = {
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned, the threads of two runtimes would share one core while another is idle.
        "ENABLE_CPU_PINNING": False,
        # Where the processor has bfloat16, OpenVINO computes what is float in the graph in it unless told otherwise.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return core.compile_model(model, "CPU", options).create_infer_request()


def _last_pooling(model: Any) -> Any:
    """Find what pools the last feature maps, of which OpenVINO does not keep the name that they have in the file."""
    return next(op for op in reversed(model.get_ordered_ops()) if op.get_type_name() in ("ReduceMean", "AvgPool"))


def _is_channels_last(pooling: Any) -> bool:
    """Tell whether it pools [N, height, width, channels]; a pooling with a window has channels before these."""
    axes = pooling.input_value(1).get_node() if pooling.get_type_name() == "ReduceMean" else None
    return axes is not None and sorted(np.ravel(axes.get_data()).tolist()) == [1, 2]


def _types_of(ports: list[Any]) -> list[TensorType]:
    return [
        TensorType(
            np.dtype(port.element_type.to_dtype()).name,
            tuple(size.get_length() if size.is_static else -1 for size in port.partial_shape),
        )
        for port in ports
    ]
