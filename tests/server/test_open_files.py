"""Settings that fit into the open files that a system allows."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest

from server.open_files import (
    FEWEST_CONNECTIONS,
    FILES_PER_WORKER,
    GPU_FILES,
    OWN_FILES,
    allow_files,
    fit_to_open_files,
    num_files,
)
from server.setting_rows import SettingsError
from server.settings import Settings

DEFAULT = Settings()


@pytest.mark.parametrize("num_gpus", [0, 1, 8])
@pytest.mark.parametrize("workers", [1, 2, 4, 16, 64])
@pytest.mark.parametrize("max_files", [256, 512, 1024, 4096])
def test_default_settings_fit_from_256_files_on(monkeypatch, workers, max_files, num_gpus):
    monkeypatch.setattr("server.open_files.Settings", lambda: replace(DEFAULT, workers=workers))
    settings = replace(DEFAULT, workers=workers)
    fitted = fit_to_open_files(settings, max_files, num_gpus=num_gpus)
    assert num_files(fitted, num_gpus=num_gpus) <= max_files
    assert DEFAULT.max_images <= fitted.max_queue <= DEFAULT.max_queue
    assert FEWEST_CONNECTIONS <= fitted.num_connections <= DEFAULT.num_connections
    assert 1 <= fitted.workers <= workers


def test_engine_on_a_gpu_has_files_for_it():
    few = replace(DEFAULT, workers=1, max_connections=16)
    assert num_files(few, num_gpus=2) == num_files(few) - 20 + GPU_FILES + 2
    fitted = fit_to_open_files(replace(DEFAULT, workers=1), 256, num_gpus=1)
    slots = fitted.max_queue + FILES_PER_WORKER
    assert OWN_FILES + slots + GPU_FILES + 1 <= 256


def test_settings_that_fit_stay_as_they_are():
    assert fit_to_open_files(DEFAULT, num_files(DEFAULT)) is DEFAULT
    assert fit_to_open_files(DEFAULT, num_files(DEFAULT) - 1) != DEFAULT


def test_four_workers_that_were_asked_for_stay_four_within_1024_files():
    fitted = fit_to_open_files(replace(DEFAULT, workers=4), 1024)
    assert (fitted.workers, fitted.max_queue, fitted.num_connections) == (4, 114, 420)
    assert num_files(fitted) <= 1024


@pytest.mark.parametrize(
    "chosen", [{"max_queue": 1000}, {"max_connections": 1000}, {"max_images": 200}, {"workers": 100}]
)
def test_what_somebody_chose_is_refused_where_it_does_not_fit(chosen):
    with pytest.raises(SettingsError, match=r"allows a process 256 open files \(ulimit -n\), and OPSIN_WORKERS"):
        fit_to_open_files(replace(DEFAULT, **chosen), 256)


def test_limit_is_raised_as_far_as_it_may_be_and_what_is_fewer_is_told_in_one_line(monkeypatch):
    limits = {"now": (100, 256)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, now: limits.update(now=now))
    _, line = allow_files(replace(DEFAULT, workers=2))
    assert limits["now"] == (256, 256)
    assert line.startswith(
        f"this system allows a process 256 open files (ulimit -n), {num_files(replace(DEFAULT, workers=2))} were"
    )
    assert line.endswith(f"connections instead of {DEFAULT.num_connections}")
    assert "\n" not in line
    limits["now"] = (100, resource.RLIM_INFINITY)
    assert allow_files(DEFAULT) == (DEFAULT, None)
    assert limits["now"] == (num_files(DEFAULT), resource.RLIM_INFINITY)


def test_grpc_has_slots_of_its_own():
    with_grpc = replace(DEFAULT, workers=4, grpc_port=0)
    assert num_files(with_grpc) == num_files(replace(DEFAULT, workers=5))
    fitted = fit_to_open_files(with_grpc, 1024)
    assert fitted.workers == 4
    assert num_files(fitted) <= 1024
