"""Chooses the devices of the engines, and how each is used best."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from models.runtime import AUTO, GPU_RUNTIMES, RuntimeName
from models.runtime.cores import available_cores
from models.runtime.gpu_providers import GpuProviders
from models.runtime.processor import CPUINFO, has_saturating_int8
from models.runtime_choice.installed import ONNX_ON_GPU, installed_runtimes
from models.runtime_choice.record import ALONE, BASELINE
from server.engine.loaded import ExecutionPlan
from server.setting_rows import SettingsError
from server.settings import Settings

TRIED = "it serves until it is known whether another is faster"
RUNS_ON_GPU = (AUTO, *GPU_RUNTIMES)  # settings of OPSIN_RUNTIME
DEVICE_NODES = Path("/dev")
GPU_PACKAGES = ("nvidia-cudnn-cu12", ONNX_ON_GPU)  # the first comes with tensorflow[and-cuda] alone
GPU_RUNNERS = 2  # one prepares its batch while the other's runs
GPU_BATCH = 32
GPU_QUEUE_DELAY_MS = 2
CPU_BATCH = 4  # more brings no throughput (docs/performance.md)


@dataclass(frozen=True, slots=True)
class Device:
    """The CPU, or one GPU by the index or the UUID that CUDA_VISIBLE_DEVICES takes."""

    gpu: str | None = None

    @property
    def name(self) -> str:
        """The name that operators see: "cpu", "gpu 0"."""
        return "cpu" if self.gpu is None else f"gpu {self.gpu}"

    def hide_others(self) -> None:
        """Keep CUDA, where it is loaded later in this process, to this device."""
        os.environ["CUDA_VISIBLE_DEVICES"] = self.gpu or ""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """The devices that were chosen, one for each engine, and the reason.

    Attributes:
        devices: at least one.
        reason: in words that follow "because".
        warning: one line, where the choice may surprise whoever installed the GPU packages.
    """

    devices: tuple[Device, ...]
    reason: str
    warning: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that operators see."""
        return tuple(device.name for device in self.devices)

    def __str__(self) -> str:
        return f"{', '.join(self.names)}, because {self.reason}"


def visible_gpus(environ: Mapping[str, str], nodes: Path = DEVICE_NODES) -> tuple[str, ...]:
    """List the GPUs that have a device node here and that CUDA_VISIBLE_DEVICES shows.

    The driver's list in /proc says nothing: a container sees those of its host there, whether it was given them or not.
    """
    try:
        num_gpus = sum(1 for node in nodes.iterdir() if re.fullmatch(r"nvidia[0-9]+", node.name))
    except OSError:
        return ()
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not num_gpus:
        return tuple(str(index) for index in range(num_gpus))
    return tuple(device.strip() for device in chosen.split(",") if device.strip() not in ("", "-1"))


def choose_devices(settings: Settings, gpus: tuple[str, ...]) -> tuple[Device, ...]:
    """Choose one device for each engine.

    Raises:
        SettingsError: a GPU is asked for that is not there, or the runtime that is asked for has no use for one.
    """
    kind, _, wanted = settings.device.partition(":")
    if kind == "auto":
        is_usable = gpus and settings.runtime in RUNS_ON_GPU and gpu_runtime(settings) is not None
        return tuple(Device(gpu) for gpu in gpus) if is_usable else (Device(),)
    if kind == "cpu":
        return (Device(),)
    if settings.runtime not in RUNS_ON_GPU:
        raise SettingsError(
            f"OPSIN_RUNTIME must be {', '.join(RUNS_ON_GPU[:-1])} or {RUNS_ON_GPU[-1]} where OPSIN_DEVICE is gpu, "
            f"got {settings.runtime!r}"
        )
    chosen = tuple(wanted.split(",")) if wanted else gpus
    if not chosen or any(gpu not in gpus for gpu in chosen):
        raise SettingsError(f"OPSIN_DEVICE is {settings.device!r}, but the GPUs here are: {', '.join(gpus) or 'none'}")
    return tuple(Device(gpu) for gpu in chosen)


def explain_devices(settings: Settings, gpus: tuple[str, ...]) -> DeviceChoice:
    """Choose as `choose_devices` does, and say why.

    Raises:
        SettingsError: as `choose_devices` does.
    """
    devices = choose_devices(settings, gpus)
    if not settings.device.startswith("auto"):
        return DeviceChoice(devices, f"OPSIN_DEVICE is {settings.device}")
    if devices[0].gpu is not None:
        seen = "a GPU is visible" if len(devices) == 1 else f"{len(devices)} GPUs are visible"
        return DeviceChoice(devices, f"OPSIN_DEVICE is auto and {seen}")
    if not gpus:
        return DeviceChoice(devices, "OPSIN_DEVICE is auto and no GPU is visible", _missing_gpu_warning())
    if settings.runtime not in RUNS_ON_GPU:
        return DeviceChoice(
            devices, f"OPSIN_DEVICE is auto and OPSIN_RUNTIME, {settings.runtime}, has no use for a GPU"
        )
    if settings.runtime == AUTO:
        missing = "neither TensorFlow nor onnxruntime-gpu, which run models on a GPU, is installed"
    else:
        missing = f"the package by which OPSIN_RUNTIME, {settings.runtime}, runs models on a GPU is not installed"
    return DeviceChoice(devices, f"OPSIN_DEVICE is auto and {missing}")


def gpu_runtime(settings: Settings) -> RuntimeName | None:
    """Name what runs models on a GPU: what is asked for, or TensorFlow before ONNX Runtime; None if not installed."""
    is_there: dict[RuntimeName, bool] = {
        "tensorflow": find_spec("tensorflow") is not None,
        "onnxruntime": _is_installed(ONNX_ON_GPU),
    }
    return next((name for name in GPU_RUNTIMES if settings.runtime in (AUTO, name) and is_there[name]), None)


def _missing_gpu_warning() -> str | None:
    """Warn where the GPU packages are installed and no GPU is visible: `--gpus all` may have been forgotten."""
    if not any(map(_is_installed, GPU_PACKAGES)):
        return None
    return (
        "the packages for a GPU are installed but no GPU is visible, so the CPU serves: in a container, is "
        "`--gpus all` given? OPSIN_DEVICE=gpu refuses to start without one, OPSIN_DEVICE=cpu ends this warning"
    )


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def runtime_warning(settings: Settings, cpuinfo: Path = CPUINFO) -> str | None:
    """Warn, in one line, where the runtime that is set is less accurate on this processor; else None."""
    libraries = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
    if settings.runtime not in libraries or not has_saturating_int8(cpuinfo):
        return None
    return (
        f"this processor has no VNNI, so the sums of {libraries[settings.runtime]}'s int8 kernels may saturate: int8 "
        "models of which `python -m models inspect` does not say that no products saturate lose accuracy; "
        "OPSIN_RUNTIME=litert does not"
    )


def plan_for(device: Device, settings: Settings) -> ExecutionPlan:
    """Plan how an engine uses a device; the settings override the defaults."""
    delay_ms = settings.max_queue_delay_ms
    if device.gpu is not None:
        return ExecutionPlan(
            gpu_runtime(settings) or "tensorflow",
            settings.runners or GPU_RUNNERS,
            batch_sizes=_powers_of_two(settings.max_batch or GPU_BATCH),
            max_queue_delay_s=(GPU_QUEUE_DELAY_MS if delay_ms is None else delay_ms) / 1000,
            needs_gpu=True,
            runtime_reason="the device is a GPU",
            is_auto=settings.runtime == AUTO,
            gpu=GpuProviders(settings.onnx_provider, settings.cache),
        )
    is_tried = settings.runtime == AUTO and len(installed_runtimes()) > 1
    reason = f"OPSIN_RUNTIME is {settings.runtime}"
    if settings.runtime == AUTO:
        reason = TRIED if is_tried else ALONE
    cores = available_cores()
    is_own_pool = settings.runtime == "tensorflow"  # it uses all cores for any batch
    return ExecutionPlan(
        BASELINE if settings.runtime == AUTO else settings.runtime,
        settings.runners or (1 if is_own_pool else cores),
        num_lone_threads=1 if is_own_pool else cores,
        batch_sizes=_powers_of_two(settings.max_batch or CPU_BATCH),
        max_queue_delay_s=(delay_ms or 0) / 1000,
        runtime_reason=reason,
        is_runtime_tried=is_tried,
        is_auto=settings.runtime == AUTO,
    )


def _powers_of_two(most: int) -> tuple[int, ...]:
    """List 1, 2, 4, ... below ``most``, then ``most`` itself."""
    sizes = [1]
    while 2 * sizes[-1] < most:
        sizes.append(2 * sizes[-1])
    return tuple(dict.fromkeys([*sizes, most]))
