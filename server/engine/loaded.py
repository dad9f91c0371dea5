"""A version of a model, loaded and warm: its runtimes, and which of them runs a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.explanation.classifier_head import ClassifierHead
from models.explanation.explainable_file import ExplainableFile, open_explainable
from models.runtime import EXPLAINABLE_RUNTIMES, Runtime, RuntimeName, load_runtime, runtime_of
from models.runtime.gpu_providers import GpuProviders
from models.runtime.shared_weights import SharedWeights
from models.store.artifact import Artifact
from server.engine.catalogue import ServedModel
from server.engine.errors import EngineError
from server.engine.explanation import FeatureShape, has_room_for


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """The way in which an engine uses its device.

    Attributes:
        runtime: what runs the models.
        num_runners: batches that run side by side.
        num_lone_threads: for an image that is all there is to do; 1: it runs like any other.
        batch_sizes: that a model is warmed up at, ascending; the last is the largest batch.
        max_queue_delay_s: how long an image may wait for others to fill its batch.
        needs_gpu: a runtime that falls back to the CPU is refused.
        runtime_reason: why it is that runtime, in words that follow "because".
        is_runtime_tried: others that are installed are tried, and the fastest takes its place.
        is_auto: a version without a file for the runtime is run by another that it has one for.
        gpu: how ONNX Runtime uses a GPU.
    """

    runtime: RuntimeName
    num_runners: int
    num_lone_threads: int = 1
    batch_sizes: tuple[int, ...] = (1,)
    max_queue_delay_s: float = 0.0
    needs_gpu: bool = False
    runtime_reason: str = "it was asked for"
    is_runtime_tried: bool = False
    is_auto: bool = False
    gpu: GpuProviders | None = None


class LoadedModel:
    """A version's runtimes: one of a single thread for each runner, and one of all cores for a lone image.

    Which is better is a matter of load: an image alone is answered in half the time by two cores, but two images are
    answered sooner side by side than one after the other (docs/performance.md).

    Attributes:
        runtime: the name of what runs it.
        head: what reads the feature maps of its runtimes; None where they give none.
    """

    def __init__(
        self,
        served: ServedModel,
        runtimes: Sequence[Runtime],
        lone: Runtime | None,
        *,
        max_batch: int,
        runtime: RuntimeName = "litert",
        head: ClassifierHead | None = None,
    ) -> None:
        self.served, self.max_batch, self.runtime, self.head = served, max_batch, runtime, head
        self._runtimes, self._lone = list(runtimes), lone

    def run(self, images: Sequence[NDArray[np.uint8]], *, runner: int, is_lone: bool) -> NDArray[np.float32]:
        """Classify images of uint8 [H, W, 3] into float32 [N, C].

        Each runner gives its own number; one lone batch runs at a time.

        Raises:
            ValueError: the runtime gave something of another shape.
        """
        runtime = self._runtime(runner, is_lone=is_lone)
        probabilities = np.asarray(runtime.run(images), np.float32)
        expected = (len(images), len(self.served.labels))
        if probabilities.shape != expected:
            raise ValueError(f"expected probabilities of shape {expected}, got {probabilities.shape}")
        return probabilities

    def features(self, index: int, *, runner: int, is_lone: bool) -> NDArray[np.float32]:
        """Return the last feature maps of an image of a runner's last run, float32 [height, width, channels]."""
        runtime: Any = self._runtime(runner, is_lone=is_lone)
        maps: NDArray[np.float32] = runtime.features(index)
        return maps

    def _runtime(self, runner: int, *, is_lone: bool) -> Runtime:
        return self._lone if is_lone and self._lone else self._runtimes[runner]

    def close(self) -> None:
        """Free the memory; nothing may run."""
        for runtime in [*self._runtimes, *([self._lone] if self._lone else [])]:
            runtime.close()
        self._runtimes, self._lone = [], None


def served_model(artifact: Artifact, feature_shape: FeatureShape | None = None) -> ServedModel:
    """Describe an artifact to the request path."""
    manifest = artifact.manifest
    litert = manifest.formats.get("litert")
    return ServedModel(
        manifest.name,
        manifest.version,
        manifest.labels,
        manifest.pixels,
        calibration=manifest.calibration,
        expected=manifest.expected_answers,
        feature_shape=feature_shape,
        examples=manifest.examples,
        file_sha256=manifest.files[litert.file] if litert else "",
    )


def load_model(artifact: Artifact, plan: ExecutionPlan, *, pixel_bytes: int, max_classes: int) -> LoadedModel:
    """Load a verified artifact as often as the plan wants it, and warm every copy up.

    Args:
        artifact: what to load.
        plan: how often, and for which batch sizes.
        pixel_bytes: room for one image in the table.
        max_classes: room for its probabilities.

    Raises:
        ArtifactError: it cannot be loaded.
        RuntimeMissing: the library, or the GPU that the plan needs, is not there.
        EngineError: it does not fit into the table.
    """
    runtime = runtime_of(artifact, plan.runtime) if plan.is_auto else plan.runtime
    explainable = _explainable_file(artifact, runtime)
    pixels, labels = artifact.manifest.pixels, artifact.manifest.labels
    size = (pixels.height_px, pixels.width_px)
    if size[0] * size[1] * 3 > pixel_bytes:
        raise EngineError(
            f"its images of {size[0]} x {size[1]} pixels are larger than the {pixel_bytes // 3:,} pixels that the "
            "server made room for when it started; restart it"
        )
    if len(labels) > max_classes:
        raise EngineError(f"it has {len(labels):,} classes; at most {max_classes:,} can be served")
    runtimes: list[Runtime] = []
    lone: Runtime | None = None
    on_gpu: dict[str, Any] = {"needs_gpu": True, "gpu": plan.gpu} if plan.needs_gpu else {}
    to_explain: dict[str, Any] = {"explainable": explainable} if explainable else {}
    if runtime == "tensorflow":
        to_explain = {"explains": True}
    try:
        with SharedWeights() as weights:
            load_copy = partial(load_runtime, artifact, runtime=runtime, weights=weights, **to_explain)
            for _ in range(plan.num_runners):
                runtimes.append(load_copy(batch_sizes=plan.batch_sizes, **on_gpu))
            if plan.num_lone_threads > 1:
                lone = load_copy(num_threads=plan.num_lone_threads)
    except BaseException:
        LoadedModel(served_model(artifact), runtimes, lone, max_batch=1).close()
        raise
    head = explainable.head if explainable else getattr(runtimes[0], "head", None)
    if head is not None and not has_room_for(head.shape):
        head = None
    served = served_model(artifact, head.shape if head else None)
    return LoadedModel(served, runtimes, lone, max_batch=plan.batch_sizes[-1], runtime=runtime, head=head)


def _explainable_file(artifact: Artifact, runtime: RuntimeName) -> ExplainableFile | None:
    """Open the file that a runtime loads so that its answers can be explained; None where they cannot be."""
    if runtime not in EXPLAINABLE_RUNTIMES or "litert" not in artifact.manifest.formats:
        return None
    try:
        file = open_explainable(artifact.model_path("litert"))
    except OSError:
        return None  # whoever loads it says what is wrong with it
    return file if file and has_room_for(file.head.shape) else None
