"""Fits the settings to the open files that the system allows a process, and raises the limit as far as they need."""

from __future__ import annotations

import resource
from dataclasses import replace

from server.http.limits import spare_connections
from server.setting_rows import SettingsError
from server.settings import Settings

# Beside slots and connections: the libraries' own, metrics, the repository, what the processes tell each other with. A
# worker has 24 of them, up to 33 more where it asks Redis, and an engine on the CPU 19 (ls /proc/PID/fd).
OWN_FILES = 64
GPU_FILES = 128  # of an engine, in place of connections: room for CUDA's device nodes, pipes and eventfds, some dozens
FILES_PER_WORKER = 6  # in every process: the channels of its two decoders and its pipes
FEWEST_CONNECTIONS = 16  # of a worker


def num_files(settings: Settings, *, num_gpus: int = 0) -> int:
    """Count the files that a process of the server has open at most.

    All have an eventfd for each slot and for each engine. Beside them a worker has its connections, an engine its GPU.
    """
    connections = settings.num_connections + spare_connections(settings.num_connections)
    slots = settings.num_partitions * (settings.max_queue + FILES_PER_WORKER)
    return OWN_FILES + num_gpus + slots + max(connections, GPU_FILES if num_gpus else 0)


def fit_to_open_files(settings: Settings, max_files: int, *, num_gpus: int = 0) -> Settings:
    """Give each worker fewer slots and connections, and have fewer workers, where that is what the system allows.

    What has another value than its default was chosen by somebody, and stays.

    Raises:
        SettingsError: what was chosen does not fit.
    """
    if num_files(settings, num_gpus=num_gpus) <= max_files:
        return settings
    default, fitted = Settings(), settings
    room, num_others = max_files - OWN_FILES - num_gpus, settings.num_partitions - settings.workers
    fewest_slots = settings.max_images if settings.max_queue == default.max_queue else settings.max_queue
    fewest_files = max(FEWEST_CONNECTIONS + spare_connections(FEWEST_CONNECTIONS), GPU_FILES if num_gpus else 0)
    if settings.workers == default.workers:
        most = (room - fewest_files) // (fewest_slots + FILES_PER_WORKER) - num_others
        fitted = replace(fitted, workers=max(1, min(settings.workers, most)))
    if settings.max_queue == default.max_queue:
        share = min(room // 2, room - fewest_files) // fitted.num_partitions - FILES_PER_WORKER
        fitted = replace(fitted, max_queue=min(settings.max_queue, max(settings.max_images, share)))
    if settings.max_connections is None:
        left = room - fitted.num_partitions * (fitted.max_queue + FILES_PER_WORKER)
        most = left - spare_connections(left)
        fitted = replace(fitted, max_connections=max(FEWEST_CONNECTIONS, min(most, settings.num_connections)))
    if (number := num_files(fitted, num_gpus=num_gpus)) > max_files:
        raise SettingsError(
            f"this system allows a process {max_files} open files (ulimit -n), and OPSIN_WORKERS, OPSIN_MAX_QUEUE, "
            f"OPSIN_MAX_IMAGES and OPSIN_MAX_CONNECTIONS take {number}: raise the limit or lower one of them"
        )
    return fitted


def allow_files(settings: Settings, *, num_gpus: int = 0) -> tuple[Settings, str | None]:
    """Raise the limit on open files as far as the settings need, or fit them to what it may be.

    Returns:
        The settings, and a line that says what they are now, where they had to be others.

    Raises:
        SettingsError: as ``fit_to_open_files``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = num_files(settings, num_gpus=num_gpus)
    is_enough = soft == resource.RLIM_INFINITY or soft >= wanted
    if not is_enough:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    fitted = settings if is_enough else fit_to_open_files(settings, soft, num_gpus=num_gpus)
    if fitted is settings:
        return settings, None
    workers = "" if fitted.workers == settings.workers else f" instead of {settings.workers}"
    return fitted, (
        f"this system allows a process {soft} open files (ulimit -n), {wanted} were wanted: so there are "
        f"{fitted.workers} HTTP workers{workers}, each with {fitted.max_queue} images in hand instead of "
        f"{settings.max_queue} and {fitted.num_connections} connections instead of {settings.num_connections}"
    )
