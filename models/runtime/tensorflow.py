"""Runs a TensorFlow SavedModel on the GPU, at a few batch sizes, each compiled by XLA where that is faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.errors import CorruptArtifact, RunFailed, RuntimeMissing
from models.explanation.classifier_head import ClassifierHead
from models.plain_path import plain_path
from models.runtime.tensorflow_features import explainable_function
from models.runtime.tensors import Images, Probabilities, Signature, TensorType, copy_images

Call = Callable[[], object]
NUM_MEASURED_CALLS = 5
NO_GPU = (
    "TensorFlow cannot use the GPU: the driver is too old for its CUDA libraries, or they are not installed "
    "(requirements/gpu.txt has them)"
)


def seconds_of(call: Call) -> float:
    """Take the median time of a few calls, after one that compiles and lays out memory."""
    call()
    times = []
    for _ in range(NUM_MEASURED_CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)


class TensorFlowRuntime:
    """One SavedModel on the first visible GPU, or on the CPU where there is none.

    Batches are padded to the next of a few sizes, which were all run, with and without XLA, when the model was loaded.
    Each image is copied once into the memory of its batch size; TensorFlow reads that memory, and on a GPU copies it
    there. `run` releases the GIL while it computes. GPU memory is taken as it is needed, and stays with the process.

    Attributes:
        xla_batch_sizes: the sizes at which XLA was the faster.
        head: what reads the feature maps; None where they were not asked for, or the network does not end in pooling
            and a dense layer.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
        batch_sizes: Sequence[int] = (1,),
        measure: Callable[[Call], float] = seconds_of,
        needs_gpu: bool = False,
        explains: bool = False,
    ) -> None:
        """Load a SavedModel folder, such as `models.network.export.export_saved_model` writes.

        Args:
            path: of the folder.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            batch_sizes: to pad to; the largest is the most images that `run` takes.
            measure: gives the seconds that a call takes; of two ways to run a batch size the shorter is kept.
            needs_gpu: refuse to run on the CPU instead.
            explains: whether `features` is wanted, where the model can give them.

        Raises:
            RuntimeMissing: TensorFlow sees no GPU, and needs one.
            CorruptArtifact: the folder cannot be loaded or run, or takes or gives something else.
        """
        _let_gpu_memory_grow()
        self._device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
        if needs_gpu and self._device == "CPU:0":
            raise RuntimeMissing(NO_GPU)
        self._signature = Signature(input_shape, num_classes)
        try:
            with plain_path(path) as plain:
                self._owner = tf.saved_model.load(str(plain))  # owns the variables that the model reads
            self._model = self._owner.signatures["serving_default"]
        except Exception as error:  # a damaged folder makes TensorFlow raise whatever its parsers run into
            raise CorruptArtifact(f"{path.name} cannot be loaded by TensorFlow") from error
        image = _type_of(path.name, self._model.structured_input_signature[1], "image")
        probabilities = _type_of(path.name, self._model.structured_outputs, "probabilities")
        self._signature.check_model(path.name, inputs=[image], outputs=[probabilities])
        found = explainable_function(self._owner) if explains else None
        self.head: ClassifierHead | None = found.head if found else None
        self._model = found.call if found else self._model
        self._features: Any = None  # of the last run, where they were made
        self._memory = {size: _aligned((size, *input_shape)) for size in sorted(set(batch_sizes))}
        try:
            self._functions = {size: self._faster(size, measure) for size in self._memory}
        except tf.errors.OpError as error:
            raise CorruptArtifact(f"{path.name} cannot be run by TensorFlow") from error
        self.xla_batch_sizes = tuple(size for size, function in self._functions.items() if function is not self._model)

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; N from 1 to the largest batch size.

        Raises:
            RunFailed: TensorFlow reports an error, such as no memory; the next call may succeed.
        """
        self._signature.check_images(images)
        size = next((size for size in self._memory if size >= len(images)), None)
        if size is None:
            raise ValueError(f"images must be at most {max(self._memory)}, got {len(images)}")
        copy_images(images, self._memory[size])
        try:
            return self._call(self._functions[size], size)[: len(images)]
        except tf.errors.OpError as error:
            raise RunFailed(f"TensorFlow failed on {len(images)} images") from error

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels].

        They have stayed where they were made; this one's come from there, and no others'.
        """
        assert self._features is not None  # noqa: S101 - who asks has seen that there is a head
        with tf.device(self._device):
            return np.array(self._features[index].numpy(), np.float32)

    def close(self) -> None:
        """Free the model's memory, for other models of this process; a second call does nothing."""
        self._owner, self._model, self._functions, self._features = None, None, {}, None

    def _faster(self, size: int, measure: Callable[[Call], float]) -> Any:
        model = self._model
        compiled = tf.function(lambda image: model(image=image), jit_compile=True, autograph=False)
        plain_s = measure(lambda: self._call(model, size))
        try:
            compiled_s = measure(lambda: self._call(compiled, size))
        except tf.errors.OpError:  # XLA knows not every operation
            return model
        return compiled if compiled_s < plain_s else model

    def _call(self, function: Any, size: int) -> Probabilities:
        with tf.device(self._device):
            # A view by DLPack; `identity` copies it to a GPU. `numpy` waits: the memory is free to change from then on.
            image = tf.identity(tf.experimental.dlpack.from_dlpack(self._memory[size].__dlpack__()))
            given = function(image=image)
            probabilities: Probabilities = given["probabilities"].numpy()
        self._features = given.get("features")
        return probabilities


def _let_gpu_memory_grow() -> None:
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # this process uses the GPU already, so an earlier runtime has set it
            return


def _type_of(name: str, tensors: Any, wanted: str) -> TensorType:
    if not isinstance(tensors, dict) or set(tensors) != {wanted}:
        raise CorruptArtifact(f"{name} must take 'image' and give 'probabilities', it has {sorted(tensors)}")
    spec = tensors[wanted]
    shape = spec.shape.as_list() if spec.shape.rank is not None else []
    return TensorType(spec.dtype.name, tuple(-1 if size is None else size for size in shape))


def _aligned(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Allocate zeros at an address that TensorFlow takes without a copy."""
    num_bytes, alignment = int(np.prod(shape)), 64
    block = np.zeros(num_bytes + alignment, np.uint8)
    start = -block.ctypes.data % alignment
    return block[start : start + num_bytes].reshape(shape)
