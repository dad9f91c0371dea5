"""Runs an ONNX file by ONNX Runtime, optionally: on the CPU, or on a GPU by TensorRT or CUDA."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from models.checks import at_least
from models.errors import CorruptArtifact, RunFailed, RuntimeMissing
from models.explanation.explainable_file import ExplainableFile
from models.private_folder import private_folder
from models.runtime.gpu_providers import CLASSES, GpuProviders
from models.runtime.onnx_names import FEATURES, PRECISION
from models.runtime.shared_weights import SharedWeights
from models.runtime.tensors import Images, Probabilities, Signature, TensorType, copy_images

log = logging.getLogger("opsin.runtime")

CPU = "CPUExecutionProvider"
NO_GPU = (
    "ONNX Runtime cannot use the GPU: the driver is too old for its CUDA libraries, or they are not installed "
    "(requirements/serve-onnx-gpu.txt has them)"
)
_ENGINES = "tensorrt"  # the folder of what it compiles; ONNX Runtime's names have card and version
_FATAL = 4  # of its levels of logging: what it raises is told by whoever catches it
_TYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class OnnxRuntime:
    """One session of ONNX Runtime, or another copy's, which copies of one thread each may run at once.

    Any number of images is run as one batch; on a GPU it is filled up to the next of a few sizes, and in parts where it
    is larger than the largest. `run` releases the GIL while it computes, and copies pixels once.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
        num_threads: int = 1,
        batch_sizes: Sequence[int] = (),
        weights: SharedWeights | None = None,
        explainable: ExplainableFile | None = None,
        gpu: GpuProviders | None = None,
    ) -> None:
        """Load an `.onnx` file.

        Args:
            path: of the file.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            num_threads: that one call of `run` uses, on a CPU.
            batch_sizes: that are run on a GPU.
            weights: of all copies of this file; None where there is one.
            explainable: the LiteRT file of the same network, where `features` is wanted, too.
            gpu: how a GPU is used; None for the CPU.

        Raises:
            CorruptArtifact: the file cannot be loaded, or takes or gives something else.
            RuntimeMissing: it sees no GPU, and needs one.
        """
        at_least(1, num_threads=num_threads)
        self._signature = Signature(input_shape, num_classes)
        self._sizes = tuple(sorted(set(batch_sizes))) if gpu else ()
        self._features: npt.NDArray[np.float32] | None = None
        sessions: dict[int, Any] = {} if weights is None else weights.sessions
        # On a GPU no copy has threads of its own, and a call on one session waits for no other.
        key = 0 if gpu else num_threads
        if key not in sessions:
            sessions[key] = _session_on_gpu(path, input_shape, self._sizes, gpu) if gpu else _session(path, num_threads)
        self._session = sessions[key]
        inputs, outputs = _types_of(self._session.get_inputs()), _types_of(self._session.get_outputs())
        names = [output.name for output in self._session.get_outputs()]
        if explainable is not None and names[1:] != [FEATURES]:
            raise CorruptArtifact(f"{path.name} must give {FEATURES!r} beside probabilities, it gives {names}")
        self._signature.check_model(path.name, inputs=inputs, outputs=outputs[:1] if FEATURES in names[1:] else outputs)
        self._image, self._outputs = self._session.get_inputs()[0].name, names[: 1 if explainable is None else 2]

    @property
    def precision(self) -> str:
        """Of the file, where it says that this is another than that of the file that it was made of; else ""."""
        return str(self._session.get_modelmeta().custom_metadata_map.get(PRECISION, ""))

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; N may be any number >= 1.

        Raises:
            RunFailed: ONNX Runtime reports an error, such as no memory; the next call may succeed.
        """
        self._signature.check_images(images)
        most = self._sizes[-1] if self._sizes else len(images)
        parts = [self._run(images[start : start + most]) for start in range(0, len(images), most)]
        outputs = [np.concatenate(part) for part in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]
        self._features = outputs[1] if len(outputs) > 1 else None
        probabilities: Probabilities = outputs[0]
        return probabilities

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels]."""
        assert self._features is not None  # noqa: S101 - who asks has given an explainable file, and run it
        return np.array(self._features[index].transpose(1, 2, 0), np.float32)

    def close(self) -> None:
        """Free the session, if it is no other copy's too; a second call does nothing."""
        self._session, self._features = None, None

    def _run(self, images: Images) -> list[npt.NDArray[np.float32]]:
        size = next((size for size in self._sizes if size >= len(images)), len(images))
        pixels = np.zeros((size, *self._signature.input_shape), np.uint8)
        copy_images(images, pixels)
        try:
            outputs = self._session.run(self._outputs, {self._image: pixels})
        except Exception as error:  # its classes are not documented
            raise RunFailed(f"ONNX Runtime failed on {len(images)} images") from error
        if any(len(output) != size for output in outputs):
            raise RunFailed(f"the file gives {len(outputs[0])} answers to {size} images")
        return [output[: len(images)] for output in outputs]


def _session(path: Path, num_threads: int) -> Any:
    options = _options()
    options.intra_op_num_threads = num_threads
    # Threads that wait awake between layers answer a lone image in two thirds of the time; none waits after the last.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return _loaded(path, options, [CPU])


def _session_on_gpu(path: Path, shape: tuple[int, int, int], sizes: Sequence[int], gpu: GpuProviders) -> Any:
    """Load on a GPU, by what was asked for or, with a line in the log, by CUDA alone."""
    ort.preload_dlls()  # of CUDA and cuDNN, from the packages that have them
    if gpu.cache is not None and gpu.provider == "tensorrt":
        gpu = replace(gpu, cache=private_folder(gpu.cache, _ENGINES))
    built_in = ort.get_available_providers()
    wanted = [each for each in gpu.options("image", shape, sizes) if each[0] in built_in]
    # What cannot be loaded is left out with no more than an error of its own in the log.
    session = _loaded(path, _options(), [*wanted, CPU])
    used = session.get_providers()
    if CLASSES["cuda"] not in used and CLASSES["tensorrt"] not in used:
        raise RuntimeMissing(NO_GPU)
    if CLASSES[gpu.provider] not in used:
        log.warning("TensorRT's libraries cannot be loaded, so CUDA alone runs %s: %s", path.name, _TENSORRT_MISSING)
    return session


_TENSORRT_MISSING = "`pip install tensorrt-cu12-libs` has them, OPSIN_ONNX_PROVIDER=cuda ends this warning"


def _options() -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.inter_op_num_threads = 1
    return options


def _loaded(path: Path, options: Any, providers: Sequence[Any]) -> Any:
    try:
        return ort.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # its classes are not documented
        raise CorruptArtifact(f"{path.name} cannot be loaded by ONNX Runtime") from error


def _types_of(nodes: Sequence[Any]) -> list[TensorType]:
    return [
        TensorType(
            _TYPES.get(node.type, node.type),
            tuple(size if isinstance(size, int) else -1 for size in node.shape),
        )
        for node in nodes
    ]
