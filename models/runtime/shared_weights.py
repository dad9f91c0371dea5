"""Runs copies of a model on the CPU by LiteRT with the weights in memory once, as XNNPACK has laid them out.

The first copy writes them into a file that is in memory alone, the others map it. A copy by LiteRT's `Interpreter`, of
which this is the same runtime, has 26 MB more of a ResNet-50 (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_size_t, c_void_p
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checks import at_least
from models.errors import CorruptArtifact, RunFailed, RuntimeMissing
from models.explanation.explainable_file import ExplainableFile
from models.quiet_stderr import quiet_stderr
from models.runtime.litert_library import ON_CPU, TRIED, CallFailed, Library, RankedTensorType, TensorLayout, library
from models.runtime.tensors import Images, Probabilities, Signature, TensorType, copy_images

HOST_MEMORY = 1  # kLiteRtTensorBufferTypeHostMemory
ELEMENT_TYPES = {1: "float32", 3: "uint8", 9: "int8"}  # kLiteRtElementType; those of image classifiers

_c = ctypes.CDLL(None)
_c.strdup.restype = c_void_p


class SharedWeights:
    """The weights of one file, for as many copies as are loaded within the context; they outlive it in the copies.

    Attributes:
        sessions: of ONNX Runtime, by what tells them apart; a session may be run by any number of copies at once.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        self.sessions: dict[int, Any] = {}

    def __enter__(self) -> SharedWeights:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file, and leave sessions to the copies."""
        self.sessions = {}
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @staticmethod
    def are_possible() -> bool:
        """Tell whether the system and the release of LiteRT can share weights; elsewhere each copy has its own."""
        return hasattr(os, "memfd_create") and library() is not None

    def descriptor(self) -> int:
        """Give a copy its descriptor of the file, which is the copy's to close."""
        if self._file is None:
            self._file = os.memfd_create("weights", os.MFD_CLOEXEC)
        return os.dup(self._file)


class SharingRuntime:
    """One compiled model of LiteRT; as `models.runtime.litert.LiteRTRuntime`, with the weights of other copies."""

    def __init__(
        self,
        path: Path,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
        weights: SharedWeights,
        num_threads: int = 1,
        explainable: ExplainableFile | None = None,
    ) -> None:
        """Load a `.tflite` file.

        Args:
            path: of the file.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            weights: of all copies of this file, where sharing them is possible.
            num_threads: fixed for the model's life.
            explainable: the same file, where `features` is wanted, too.

        Raises:
            CorruptArtifact: the file cannot be loaded, or takes or gives something else.
            RuntimeMissing: sharing is not possible here.
        """
        at_least(1, num_threads=num_threads)
        found = library()
        if found is None:
            raise RuntimeMissing(f"weights can be shared with LiteRT {', '.join(TRIED)}, which is not installed")
        self._library = found
        self._signature = Signature(input_shape, num_classes)
        self._model = self._compiled = c_void_p()
        self._buffers: list[c_void_p] = []
        self._laid_out_for = self._most_images = 0
        self._explainable = explainable
        try:
            self._model = self._created_model(path)
            inputs, outputs = (_tensor_types(self._library, self._model, kind) for kind in ("Input", "Output"))
            self._signature.check_model(path.name, inputs=inputs, outputs=outputs[:1] if explainable else outputs)
            with quiet_stderr():
                self._compiled = _compiled(self._library, self._model, weights.descriptor(), num_threads)
        except CallFailed:
            self.close()
            raise CorruptArtifact(f"{path.name} cannot be loaded by LiteRT") from None
        except CorruptArtifact:
            self.close()
            raise

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; N may be any number >= 1.

        Raises:
            RunFailed: LiteRT reports an error, such as no memory for so many images; the next call may succeed.
        """
        self._signature.check_images(images)
        try:
            if self._laid_out_for != len(images):
                self._lay_out(len(images))
            copy_images(images, self._images)
            self._library.call("LiteRtRunCompiledModel", self._compiled, *self._arguments)
        except (CallFailed, MemoryError) as error:
            self._laid_out_for = 0
            raise RunFailed(f"LiteRT failed on {len(images)} images") from error
        return self._probabilities.copy()

    def features(self, index: int) -> NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels]."""
        assert self._explainable is not None  # noqa: S101 - who asks has given it
        return self._explainable.head.features(self._features[index])

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        self._drop_buffers()
        if self._compiled:
            self._library.call("LiteRtDestroyCompiledModel", self._compiled)
        if self._model:
            self._library.call("LiteRtDestroyModel", self._model)
        self._model = self._compiled = c_void_p()

    def _created_model(self, path: Path) -> c_void_p:
        environment, explainable = self._library.environment, self._explainable
        if explainable is None:
            return self._library.made("LiteRtCreateModelFromFile", environment, os.fsencode(path))
        place = (explainable.address, explainable.num_bytes)
        return self._library.made("LiteRtCreateModelFromBuffer", environment, *place)

    def _lay_out(self, num_images: int) -> None:
        self._laid_out_for = 0
        self._drop_buffers()
        shape = (num_images, *self._signature.input_shape)
        sizes = (ctypes.c_int * len(shape))(*shape)
        self._library.call("LiteRtCompiledModelResizeInputTensorNonStrict", self._compiled, 0, 0, sizes, len(shape))
        # Which takes the memory, or fails before the images are copied.
        num_outputs = 2 if self._explainable else 1
        layouts = (TensorLayout * num_outputs)()
        self._library.call("LiteRtGetCompiledModelOutputTensorLayouts", self._compiled, 0, num_outputs, layouts, True)
        self._images = self._buffer(np.dtype(np.uint8), shape)
        # Outputs have room for the largest batch so far: behind an operator that LiteRT sizes as it runs, such as
        # SLICE, it takes them to be of the batch before until then, and refuses less.
        self._most_images = most = max(num_images, self._most_images)
        self._probabilities = self._buffer(np.dtype(np.float32), (num_images, self._signature.num_classes), room=most)
        if self._explainable:
            head = self._explainable.head
            self._features = self._buffer(np.dtype(head.dtype), (num_images, *head.shape), room=most)
        taken, *given = self._buffers
        outputs = (c_void_p * len(given))(*given)
        self._arguments = (0, 1, ctypes.byref(taken), len(given), outputs)
        self._laid_out_for = num_images

    def _buffer(self, dtype: np.dtype[Any], shape: tuple[int, ...], *, room: int = 0) -> NDArray[Any]:
        """Make the next buffer, with room for more than its rows, and view what is in it."""
        [element_type] = (number for number, name in ELEMENT_TYPES.items() if name == dtype.name)
        tensor = RankedTensorType(element_type)
        tensor.layout.rank, tensor.layout.sizes[: len(shape)] = len(shape), shape
        num_bytes = int(np.prod(shape)) * dtype.itemsize
        with_room = num_bytes // shape[0] * max(room, shape[0])
        arguments = (self._library.environment, HOST_MEMORY, tensor, with_room)
        self._buffers.append(self._library.made("LiteRtCreateManagedTensorBuffer", *arguments))
        address = self._library.made("LiteRtGetTensorBufferHostMemory", self._buffers[-1])
        memory = (ctypes.c_uint8 * num_bytes).from_address(address.value or 0)
        return np.ndarray(shape, dtype, memoryview(memory))

    def _drop_buffers(self) -> None:
        for name in ("_arguments", "_images", "_probabilities", "_features"):
            self.__dict__.pop(name, None)
        while self._buffers:
            self._library.call("LiteRtDestroyTensorBuffer", self._buffers.pop())


def _compiled(library: Library, model: c_void_p, descriptor: int, num_threads: int) -> c_void_p:
    """Compile a model for the CPU by XNNPACK, which takes its options as TOML (litert/c/options)."""
    options = library.made("LiteRtCreateOptions")
    try:
        library.call("LiteRtSetOptionsHardwareAccelerators", options, ON_CPU)
        text = f"num_threads = {num_threads}\nweight_cache_file_descriptor = {descriptor}\n"
        own = (b"xnnpack", _c.strdup(text.encode()), ctypes.cast(_c.free, c_void_p))
        library.call("LiteRtAddOpaqueOptions", options, library.made("LiteRtCreateOpaqueOptions", *own))
        return library.made("LiteRtCreateCompiledModel", library.environment, model, options)
    finally:
        library.call("LiteRtDestroyOptions", options)


def _tensor_types(library: Library, model: c_void_p, kind: str) -> list[TensorType]:
    signature = library.made("LiteRtGetModelSignature", model, 0)
    number = c_size_t()
    library.call(f"LiteRtGetNumSignature{kind}s", signature, ctypes.byref(number))
    types = []
    for index in range(number.value):
        tensor = RankedTensorType()
        handle = library.made(f"LiteRtGetSignature{kind}TensorByIndex", signature, index)
        library.call("LiteRtGetRankedTensorType", handle, ctypes.byref(tensor))
        name = ELEMENT_TYPES.get(tensor.element_type, f"type {tensor.element_type}")
        types.append(TensorType(name, tuple(tensor.layout.sizes[: tensor.layout.rank])))
    return types
