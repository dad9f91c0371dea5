"""Which devices serve, and how."""

from __future__ import annotations

import os

import pytest

from server import devices
from server.devices import Device, choose_devices, plan_for, visible_gpus
from server.settings import Settings, SettingsError

GPUS = ("0", "1", "2")


@pytest.fixture
def driver(tmp_path):
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def tensorflow(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda _name: object())


@pytest.mark.parametrize(
    ("environ", "gpus"),
    [
        ({}, ("0", "1")),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ("1",)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-5a, 0"}, ("GPU-5a", "0")),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ()),
    ],
)
def test_gpus_are_those_of_the_driver_that_are_not_hidden(driver, environ, gpus):
    assert visible_gpus(environ, driver) == gpus


def test_no_driver_no_gpu(tmp_path):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path / "none") == ()


def test_one_engine_for_each_gpu_or_one_for_the_cpu(tensorflow):
    assert choose_devices(Settings(), GPUS) == (Device("0"), Device("1"), Device("2"))
    assert choose_devices(Settings(), ()) == (Device(),)
    assert choose_devices(Settings(device="cpu"), GPUS) == (Device(),)
    assert choose_devices(Settings(device="gpu:2,0"), GPUS) == (Device("2"), Device("0"))
    assert choose_devices(Settings(runtime="litert"), GPUS) == (Device(),)


def test_gpu_without_its_runtime_is_not_used_by_itself(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda _name: None)
    assert choose_devices(Settings(), GPUS) == (Device(),)


@pytest.mark.parametrize(("device", "gpus"), [("gpu", ()), ("gpu:3", GPUS)])
def test_gpu_that_is_not_there_is_refused(device, gpus):
    with pytest.raises(SettingsError, match="but the GPUs here are"):
        choose_devices(Settings(device=device), gpus)


def test_runtime_that_has_no_use_for_a_gpu_is_refused():
    with pytest.raises(SettingsError, match="OPSIN_RUNTIME must be tensorflow"):
        choose_devices(Settings(device="gpu", runtime="litert"), GPUS)


def test_cpu_runs_single_images_on_all_cores_and_small_batches_side_by_side(monkeypatch):
    monkeypatch.setattr(devices, "available_cores", lambda: 6)
    plan = plan_for(Device(), Settings())
    assert (plan.runtime, plan.num_runners, plan.num_lone_threads) == ("litert", 6, 6)
    assert (plan.batch_sizes, plan.max_queue_delay_s) == ((1, 2, 4), 0.0)


def test_gpu_runs_large_batches_that_may_wait_a_little():
    plan = plan_for(Device("0"), Settings())
    assert (plan.runtime, plan.num_runners, plan.num_lone_threads) == ("tensorflow", 2, 1)
    assert plan.batch_sizes == (1, 2, 4, 8, 16, 32)
    assert plan.max_queue_delay_s == 0.002


def test_settings_come_first():
    settings = Settings(runners=3, max_batch=6, max_queue_delay_ms=5, runtime="openvino")
    plan = plan_for(Device(), settings)
    assert (plan.runtime, plan.num_runners) == ("openvino", 3)
    assert (plan.batch_sizes, plan.max_queue_delay_s) == ((1, 2, 4, 6), 0.005)


def test_engine_sees_its_device_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    Device("1").hide_others()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    Device().hide_others()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert (Device().name, Device("1").name) == ("cpu", "gpu 1")
