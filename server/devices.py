"""Which devices the engines use, and how each is used best."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.cores import available_cores
from server.engine.loaded import Plan
from server.settings import Settings, SettingsError

NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")
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
        """What operators call it: "cpu", "gpu 0"."""
        return "cpu" if self.gpu is None else f"gpu {self.gpu}"

    def hide_others(self) -> None:
        """Keep CUDA, where it is loaded later in this process, to this device."""
        os.environ["CUDA_VISIBLE_DEVICES"] = self.gpu or ""


def visible_gpus(environ: Mapping[str, str], driver: Path = NVIDIA_DRIVER) -> tuple[str, ...]:
    """The GPUs that the driver shows to this process and CUDA_VISIBLE_DEVICES does not hide."""
    try:
        num_gpus = len(list(driver.iterdir()))
    except OSError:
        return ()
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return tuple(str(index) for index in range(num_gpus))
    return tuple(device.strip() for device in chosen.split(",") if device.strip() not in ("", "-1"))


def choose_devices(settings: Settings, gpus: tuple[str, ...]) -> tuple[Device, ...]:
    """One device for each engine.

    Raises:
        SettingsError: a GPU is asked for that is not there, or the runtime that is asked for has no use for one.
    """
    kind, _, wanted = settings.device.partition(":")
    if kind == "auto":
        is_usable = gpus and settings.runtime in (None, "tensorflow") and find_spec("tensorflow") is not None
        return tuple(Device(gpu) for gpu in gpus) if is_usable else (Device(),)
    if kind == "cpu":
        return (Device(),)
    if settings.runtime not in (None, "tensorflow"):
        raise SettingsError(f"OPSIN_RUNTIME must be tensorflow where OPSIN_DEVICE is gpu, got {settings.runtime!r}")
    chosen = tuple(wanted.split(",")) if wanted else gpus
    if not chosen or any(gpu not in gpus for gpu in chosen):
        raise SettingsError(f"OPSIN_DEVICE is {settings.device!r}, but the GPUs here are: {', '.join(gpus) or 'none'}")
    return tuple(Device(gpu) for gpu in chosen)


def plan_for(device: Device, settings: Settings) -> Plan:
    """How an engine uses a device, as far as the settings leave it open."""
    runtime = settings.runtime or ("litert" if device.gpu is None else "tensorflow")
    delay_ms = settings.max_queue_delay_ms
    if device.gpu is not None:
        return Plan(
            runtime,
            settings.runners or GPU_RUNNERS,
            batch_sizes=_powers_of_two(settings.max_batch or GPU_BATCH),
            max_queue_delay_s=(GPU_QUEUE_DELAY_MS if delay_ms is None else delay_ms) / 1000,
        )
    cores = available_cores()
    is_own_pool = runtime == "tensorflow"  # it uses all cores for any batch
    return Plan(
        runtime,
        settings.runners or (1 if is_own_pool else cores),
        num_lone_threads=1 if is_own_pool else cores,
        batch_sizes=_powers_of_two(settings.max_batch or CPU_BATCH),
        max_queue_delay_s=(delay_ms or 0) / 1000,
    )


def _powers_of_two(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to ``most``, which is the last whether it is a power of two or not."""
    sizes = [1]
    while 2 * sizes[-1] < most:
        sizes.append(2 * sizes[-1])
    return tuple(dict.fromkeys([*sizes, most]))
