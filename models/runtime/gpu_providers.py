"""How ONNX Runtime uses a GPU: by which of its execution providers, and where what they compile is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

ProviderName = Literal["tensorrt", "cuda"]
PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)  # the first is the fastest, and takes the most
CLASSES: dict[ProviderName, str] = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, slots=True)
class GpuProviders:
    """What is asked for.

    Attributes:
        provider: "tensorrt", which leaves to CUDA what it cannot run, or "cuda" alone.
        cache: the folder where engines of TensorRT are kept from start to start; None for nowhere.
    """

    provider: ProviderName = "tensorrt"
    cache: Path | None = None

    def options(
        self, image: str, shape: tuple[int, int, int], batch_sizes: Sequence[int]
    ) -> list[tuple[str, dict[str, Any]]]:
        """List providers with their options, as ONNX Runtime takes them, the wanted one first.

        https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html and CUDA-ExecutionProvider.html.

        Args:
            image: the name of the input.
            shape: height, width, channels.
            batch_sizes: that are run.
        """
        # Exhaustive, which is the default, it would try all algorithms anew for each batch size.
        cuda = (CLASSES["cuda"], {"cudnn_conv_algo_search": "HEURISTIC"})
        if self.provider == "cuda":
            return [cuda]
        sizes = {"min": min(batch_sizes), "opt": max(batch_sizes), "max": max(batch_sizes)}
        sides = "x".join(map(str, shape))
        options: dict[str, Any] = {"trt_fp16_enable": True}
        # One engine for all sizes: else each new size would have it built anew, which takes minutes.
        options |= {f"trt_profile_{end}_shapes": f"{image}:{size}x{sides}" for end, size in sizes.items()}
        if self.cache is not None:
            options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(self.cache)}
            options |= {"trt_timing_cache_enable": True, "trt_timing_cache_path": str(self.cache)}
        return [(CLASSES["tensorrt"], options), cuda]
