"""Fits the settings to the memory that a container may take, so that no load has it killed.

What requests may take is lowered step by step, what hurts least first; what somebody chose stays.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from models.errors import OpsinError
from models.runtime import runtime_of
from models.store.model_files import format_of
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.devices import Device, plan_for
from server.memory_bound import DECODER_BYTES, ENGINE_BYTES, MASTER_BYTES, WORKER_BYTES, max_memory_bytes
from server.setting_rows import SettingsError, variable
from server.settings import Settings

MEGABYTE = 1024**2
KERNEL_SHARE = 0.05  # of the limit: what the kernel keeps for the container, sockets and page tables
# A model in LiteRT takes its file, its weights laid out anew, and for each copy what is between layers, some dozen
# times the pixels of its batch: ResNet-50 of 25 MB took 60 to 70 with three copies (docs/performance.md).
WEIGHTS_FACTOR, ACTIVATIONS_FACTOR = 2, 16
REST_BYTES = 80 * MEGABYTE  # all processes, with one worker and nothing to do, beside the models' weights
# Of what the bound has for the processes themselves, attacks came to less than this (docs/containers.md).
SEEN_SHARE = 1 / 3
# Down to which value each setting is lowered, in this order: with as many workers as that allows, and then further.
COMFORTABLE = (
    ("max_uploads_in_hand_bytes", 32 * MEGABYTE),
    ("max_decode_bytes", 128 * MEGABYTE),
    ("max_connections", 256),
    ("max_queue", 64),
)
LEAST = (
    ("max_upload_bytes", 16 * MEGABYTE),
    ("max_decode_bytes", 64 * MEGABYTE),
    ("max_connections", 64),
    ("max_queue", 32),
    ("max_upload_bytes", 8 * MEGABYTE),
    ("max_uploads_in_hand_bytes", 8 * MEGABYTE),
    ("max_decode_bytes", 32 * MEGABYTE),
)
LOWERED = ("workers", *dict(LEAST))


@dataclass(frozen=True, slots=True)
class Need:
    """What models take in memory, on CPUs.

    Attributes:
        image_bytes: pixels of one image of the largest.
        weights_bytes: of all that are served.
        models_bytes: the same with what is between layers, and the largest once more: replaced, it is there twice.
    """

    image_bytes: int
    weights_bytes: int
    models_bytes: int

    def bytes_of(self, settings: Settings) -> int:
        """Tell what all processes take where everything that requests may take is taken, models included."""
        bound = max_memory_bytes(settings, num_engines=1, image_bytes=self.image_bytes)
        processes = MASTER_BYTES + ENGINE_BYTES + settings.workers * (WORKER_BYTES + 2 * DECODER_BYTES)
        return self.models_bytes + bound - int((1 - SEEN_SHARE) * processes)


def need_of(settings: Settings, wanted: Sequence[ModelReference]) -> Need:
    """Estimate what the models take; one that cannot be read is for the engine to report."""
    repository, plan = Repository(settings.repository), plan_for(Device(), settings)
    num_images = plan.batch_sizes[-1] * (plan.num_runners + (plan.num_lone_threads > 1))
    images, weights, sizes = [0], [0], [0]
    for want in wanted or [ModelReference(name) for name in repository.names()]:
        try:
            artifact = repository.load(want.name, want.version, verify=False)
            path = artifact.model_path(format_of(runtime_of(artifact, plan.runtime)).name)
            file_bytes = path.stat().st_size
        except (OpsinError, OSError):
            continue
        images.append(artifact.manifest.pixels.height_px * artifact.manifest.pixels.width_px * 3)
        weights.append(WEIGHTS_FACTOR * file_bytes)
        sizes.append(weights[-1] + ACTIVATIONS_FACTOR * num_images * images[-1])
    return Need(max(images), sum(weights), sum(sizes) + max(sizes))


def allow_memory(
    settings: Settings, limit_bytes: int, need: Need, *, asked: Settings | None = None
) -> tuple[Settings, str | None]:
    """Fit the settings to what a container may take.

    Args:
        settings: as they would hold.
        limit_bytes: that all processes may take.
        need: of the models.
        asked: the settings before they were fitted to anything else; what differs from its default there stays.

    Returns:
        The settings, and a line that says what they are now, where they had to be others.

    Raises:
        SettingsError: not even the models have room beside a server that has nothing to do.
    """
    limit = f"this container may take {limit_bytes / MEGABYTE:.0f} MiB of memory"
    if (least_bytes := REST_BYTES + need.weights_bytes) > limit_bytes:
        raise SettingsError(
            f"{limit}, and the server takes {least_bytes / MEGABYTE:.0f} MiB with these models and nothing to do: "
            "raise the limit, or name fewer or smaller models in OPSIN_MODEL"
        )
    fitted = fit_to_memory(settings, limit_bytes, need, asked=asked)
    before, now = _values(settings), _values(fitted)
    lowered = ", ".join(f"{variable(name)}={now[name]}" for name in LOWERED if now[name] < before[name])
    enough_bytes = need.bytes_of(fitted) / (1 - KERNEL_SHARE)
    told = [f"so {lowered}"] if lowered else []
    told += [f"for load it should be {enough_bytes / MEGABYTE:.0f}"] if enough_bytes > limit_bytes + MEGABYTE else []
    if not told:
        return settings, None
    return fitted, f"{limit}, {need.models_bytes / MEGABYTE:.0f} MiB of them for models: {'; '.join(told)}"


def _values(settings: Settings) -> dict[str, int]:
    """List what may be lowered, as it holds."""
    return {name: getattr(settings, name) for name in LOWERED} | {"max_connections": settings.num_connections}


def fit_to_memory(settings: Settings, limit_bytes: int, need: Need, *, asked: Settings | None = None) -> Settings:
    """Lower what has its default value, each setting as far as it must; what comes of it may still be too much."""
    room = int(limit_bytes * (1 - KERNEL_SHARE))
    if need.bytes_of(settings) <= room:
        return settings
    default, fitted, asked = Settings(), settings, asked or settings
    free = {name for name in LOWERED if getattr(asked, name) == getattr(default, name)}
    for workers in range(settings.workers, 0 if "workers" in free else settings.workers - 1, -1):
        fitted = _lowered(replace(settings, workers=workers), COMFORTABLE, free, room, need)
        if need.bytes_of(fitted) <= room:
            return fitted
    return _lowered(fitted, LEAST, free, room, need)


def _lowered(settings: Settings, steps: Sequence[tuple[str, int]], free: Set[str], room: int, need: Need) -> Settings:
    """Give each setting that is free the largest value with which all fits, or its least, in turn."""
    for name, least in steps:
        if name in free and need.bytes_of(settings) > room:
            settings = _with_largest(settings, name, least, room, need)
    return settings


def _with_largest(settings: Settings, name: str, least: int, room: int, need: Need) -> Settings:
    def with_value(value: int) -> Settings:
        changed: dict[str, Any] = {name: value}
        return replace(settings, **changed)

    def bytes_with(value: int) -> int:
        return need.bytes_of(with_value(value))

    least = max(least, settings.max_images) if name == "max_queue" else least
    values = range(least, _values(settings)[name], MEGABYTE if least >= MEGABYTE else 1)
    return with_value(values[max(0, bisect(values, room, key=bytes_with) - 1)]) if values else settings
