"""Loads an artifact's model into a runtime, which turns pixels into probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from models.checks import one_of
from models.errors import CorruptArtifact, RunFailed, RuntimeMissing
from models.explanation.explainable_file import ExplainableFile
from models.quiet_import import quiet_tensorflow
from models.runtime.gpu_providers import GpuProviders
from models.runtime.shared_weights import SharedWeights, SharingRuntime
from models.runtime.tensors import Images, Probabilities
from models.store.artifact import Artifact
from models.store.model_files import format_of

RuntimeName = Literal["litert", "openvino", "tensorflow", "onnxruntime"]
RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)
# Whose head is read from the file for LiteRT; TensorFlow finds it in the SavedModel by itself.
EXPLAINABLE_RUNTIMES: tuple[RuntimeName, ...] = ("litert", "openvino", "onnxruntime")
GPU_RUNTIMES: tuple[RuntimeName, ...] = ("tensorflow", "onnxruntime")
AUTO: Literal["auto"] = "auto"  # in place of a name: the fastest, see models.runtime_choice


def runtime_of(artifact: Artifact, preferred: RuntimeName) -> RuntimeName:
    """Name what runs an artifact: the preferred runtime, or ONNX Runtime where there is a file for that alone."""
    formats = artifact.manifest.formats
    return "onnxruntime" if format_of(preferred).name not in formats and "onnx" in formats else preferred


class Runtime(Protocol):
    """A loaded model; one thread at a time may call it."""

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; the rows sum to 1.

        An array [N, H, W, 3] is a sequence of images.
        """

    def close(self) -> None:
        """Free the model's memory; `run` must not be called afterwards."""


class ExplainableRuntime(Runtime, Protocol):
    """A runtime that has been given an `ExplainableFile`, or TensorFlow's, where it has a head."""

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels]."""


def load_runtime(
    artifact: Artifact,
    *,
    runtime: RuntimeName = "litert",
    num_threads: int = 1,
    batch_sizes: Sequence[int] = (1,),
    needs_gpu: bool = False,
    gpu: GpuProviders | None = None,
    weights: SharedWeights | None = None,
    explainable: ExplainableFile | None = None,
    explains: bool = False,
) -> Runtime:
    """Load the artifact's file for a runtime, and run it once at each batch size, as first runs are slow.

    Args:
        artifact: read, and verified if it should be, by the caller.
        runtime: the library.
        num_threads: that one call of `run` may use; TensorFlow's threads belong to the process.
        batch_sizes: numbers of images in one call that are to be fast; the largest is the most that a GPU takes.
        needs_gpu: refuse to run on the CPU instead; for TensorFlow and ONNX Runtime.
        gpu: how ONNX Runtime uses a GPU; None for its defaults.
        weights: of the copies of this artifact that are loaded one after the other; for LiteRT and ONNX Runtime, where
            they can share them; None where there is one copy.
        explainable: the artifact's file for LiteRT, to be an `ExplainableRuntime` of.
        explains: have TensorFlow find a `head`, and be such a runtime where there is one.

    Raises:
        FormatMissing: the artifact has no file for this runtime.
        CorruptArtifact: the file cannot be loaded or run, or is not of the shape that the manifest says.
        RuntimeMissing: the library is not installed, or the GPU that it needs is not there.
    """
    one_of(RUNTIMES, runtime=runtime)
    if not batch_sizes or min(batch_sizes) < 1:
        raise ValueError(f"batch_sizes must be at least one number >= 1, got {list(batch_sizes)}")
    if needs_gpu and runtime not in GPU_RUNTIMES:
        raise ValueError(f"the runtime must be {' or '.join(GPU_RUNTIMES)} where it needs a GPU, got {runtime!r}")
    model_format = format_of(runtime)
    path = artifact.model_path(model_format.name)
    pixels = artifact.manifest.pixels
    shape = (pixels.height_px, pixels.width_px, 3)
    tensors: dict[str, Any] = {"input_shape": shape, "num_classes": len(artifact.manifest.labels)}
    if explainable is not None:
        tensors["explainable"] = explainable
    shares = weights is not None and weights.are_possible()
    on_gpu = {"gpu": gpu or GpuProviders(), "batch_sizes": batch_sizes} if needs_gpu else {}
    own: dict[RuntimeName, dict[str, Any]] = {
        "litert": {"num_threads": num_threads, **({"weights": weights} if shares else {})},
        "openvino": {"num_threads": num_threads, "batch_sizes": batch_sizes},
        "tensorflow": {"batch_sizes": batch_sizes, "needs_gpu": needs_gpu, "explains": explains},
        "onnxruntime": {"num_threads": num_threads, "weights": weights, **on_gpu},
    }
    try:
        loaded: Runtime = _class_of(runtime, shares_weights=shares)(path, **tensors, **own[runtime])
    except ImportError as error:
        file = f"requirements/{model_format.requirements[runtime]}.txt"
        raise RuntimeMissing(f"the runtime {runtime!r} is not installed; {file} has what it needs") from error
    _warm_up(loaded, shape, batch_sizes, runtime=runtime)
    return loaded


def _class_of(runtime: RuntimeName, *, shares_weights: bool) -> type[Any]:
    """Import a runtime here and not before, as each library takes up to seconds."""
    match runtime:
        case "litert" if shares_weights:
            return SharingRuntime
        case "litert":
            from models.runtime.litert import LiteRTRuntime

            return LiteRTRuntime
        case "openvino":
            from models.runtime.openvino import OpenVINORuntime

            return OpenVINORuntime
        case "tensorflow":
            quiet_tensorflow()
            from models.runtime.tensorflow import TensorFlowRuntime

            return TensorFlowRuntime
        case "onnxruntime":
            from models.runtime.onnxruntime import OnnxRuntime

            return OnnxRuntime


def _warm_up(loaded: Runtime, shape: tuple[int, int, int], batch_sizes: Sequence[int], *, runtime: RuntimeName) -> None:
    """Run a model once at each batch size; it is closed where it cannot be run."""
    try:
        # The largest first: memory is then laid out once, and ends up as the smallest, likeliest batch wants it.
        for size in sorted(set(batch_sizes), reverse=True):
            if not np.isfinite(loaded.run(np.zeros((size, *shape), np.uint8))).all():
                raise CorruptArtifact("the model gives numbers that are not finite")
    except (RunFailed, CorruptArtifact):
        loaded.close()
        raise CorruptArtifact(f"the model cannot be run by the runtime {runtime!r}") from None
