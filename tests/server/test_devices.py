"""Which devices serve, and how."""

from __future__ import annotations

import os

import pytest

from server import devices
from server.devices import Device, choose_devices, explain_devices, plan_for, runtime_warning, visible_gpus
from server.setting_rows import SettingsError
from server.settings import Settings

GPUS = ("0", "1", "2")


@pytest.fixture
def nodes(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def tensorflow(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda _name: object())


@pytest.fixture
def installed(monkeypatch):
    """Sets which packages are installed, by the name that pip and Python have for them."""

    def install(*packages):
        def found(name):
            if name not in packages:
                raise devices.PackageNotFoundError(name)
            return object()

        monkeypatch.setattr(devices, "find_spec", lambda name: object() if name in packages else None)
        monkeypatch.setattr(devices, "distribution", found)

    return install


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
def test_gpus_are_those_with_a_device_node_that_are_not_hidden(nodes, environ, gpus):
    assert visible_gpus(environ, nodes) == gpus


def test_no_device_node_no_gpu(tmp_path):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path) == ()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path / "none") == ()


def test_one_engine_for_each_gpu_or_one_for_the_cpu(tensorflow):
    assert choose_devices(Settings(), GPUS) == (Device("0"), Device("1"), Device("2"))
    assert choose_devices(Settings(), ()) == (Device(),)
    assert choose_devices(Settings(device="cpu"), GPUS) == (Device(),)
    assert choose_devices(Settings(device="gpu:2,0"), GPUS) == (Device("2"), Device("0"))
    assert choose_devices(Settings(runtime="litert"), GPUS) == (Device(),)


@pytest.mark.parametrize(
    ("packages", "runtime", "used"),
    [
        ((), "auto", None),
        (("tensorflow",), "auto", "tensorflow"),
        (("onnxruntime-gpu",), "auto", "onnxruntime"),
        (("tensorflow", "onnxruntime-gpu"), "auto", "tensorflow"),
        (("tensorflow", "onnxruntime-gpu"), "onnxruntime", "onnxruntime"),
        (("tensorflow", "onnxruntime"), "onnxruntime", None),
    ],
)
def test_gpu_is_used_by_itself_where_a_runtime_for_it_is_installed(installed, packages, runtime, used):
    installed(*packages)
    settings = Settings(runtime=runtime)
    assert devices.gpu_runtime(settings) == used
    assert choose_devices(settings, ("0",)) == (Device("0") if used else Device(),)
    plan = plan_for(Device("0"), Settings(runtime=runtime, onnx_provider="cuda"))
    assert (plan.runtime, plan.is_auto) == (used or "tensorflow", runtime == "auto")
    assert plan.gpu.provider == "cuda"


@pytest.mark.parametrize(("device", "gpus"), [("gpu", ()), ("gpu:3", GPUS)])
def test_gpu_that_is_not_there_is_refused(device, gpus):
    with pytest.raises(SettingsError, match="but the GPUs here are"):
        choose_devices(Settings(device=device), gpus)


@pytest.mark.parametrize(
    ("settings", "gpus", "reason"),
    [
        (Settings(), ("0",), "gpu 0, because OPSIN_DEVICE is auto and a GPU is visible"),
        (Settings(), GPUS, "gpu 0, gpu 1, gpu 2, because OPSIN_DEVICE is auto and 3 GPUs are visible"),
        (Settings(), (), "cpu, because OPSIN_DEVICE is auto and no GPU is visible"),
        (Settings(device="cpu"), GPUS, "cpu, because OPSIN_DEVICE is cpu"),
        (Settings(device="gpu:1"), GPUS, "gpu 1, because OPSIN_DEVICE is gpu:1"),
        (
            Settings(runtime="litert"),
            GPUS,
            "cpu, because OPSIN_DEVICE is auto and OPSIN_RUNTIME, litert, has no use for a GPU",
        ),
    ],
)
def test_choice_is_told_with_its_reason(tensorflow, settings, gpus, reason):
    assert str(explain_devices(settings, gpus)) == reason


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        ("auto", "neither TensorFlow nor onnxruntime-gpu, which run models on a GPU, is installed"),
        ("onnxruntime", "the package by which OPSIN_RUNTIME, onnxruntime, runs models on a GPU is not installed"),
    ],
)
def test_gpu_without_a_runtime_for_it_is_told(installed, runtime, told):
    installed()
    assert told in explain_devices(Settings(runtime=runtime), GPUS).reason


@pytest.mark.parametrize(
    ("device", "gpus", "is_warned"), [("auto", (), True), ("auto", GPUS, False), ("cpu", (), False)]
)
def test_gpu_packages_without_a_gpu_are_warned_of_where_nobody_chose_the_cpu(
    tensorflow, monkeypatch, device, gpus, is_warned
):
    monkeypatch.setattr(devices, "distribution", lambda _name: object())
    warning = explain_devices(Settings(device=device), gpus).warning
    assert (warning is not None) is is_warned
    assert warning is None or "no GPU is visible" in warning


def test_plain_cpu_installation_is_not_warned(monkeypatch):
    def missing(name):
        raise devices.PackageNotFoundError(name)

    monkeypatch.setattr(devices, "distribution", missing)
    assert explain_devices(Settings(), ()).warning is None


@pytest.mark.parametrize(
    ("runtime", "flags", "is_warned"),
    [
        ("openvino", "avx2", True),
        ("openvino", "avx2 avx512_vnni", False),
        ("onnxruntime", "avx2", True),
        ("litert", "avx2", False),
        ("auto", "avx2", False),
    ],
)
def test_a_runtime_is_warned_of_where_its_sums_saturate(tmp_path, runtime, flags, is_warned):
    (tmp_path / "cpuinfo").write_text(f"flags\t: {flags}\n")
    warning = runtime_warning(Settings(runtime=runtime), tmp_path / "cpuinfo")
    assert (warning is not None) is is_warned
    assert warning is None or "OPSIN_RUNTIME=litert does not" in warning


def test_runtime_that_has_no_use_for_a_gpu_is_refused():
    with pytest.raises(SettingsError, match="OPSIN_RUNTIME must be auto, tensorflow or onnxruntime where"):
        choose_devices(Settings(device="gpu", runtime="litert"), GPUS)


def test_cpu_runs_single_images_on_all_cores_and_small_batches_side_by_side(monkeypatch):
    monkeypatch.setattr(devices, "available_cores", lambda: 6)
    plan = plan_for(Device(), Settings())
    assert (plan.runtime, plan.num_runners, plan.num_lone_threads) == ("litert", 6, 6)
    assert (plan.batch_sizes, plan.max_queue_delay_s) == ((1, 2, 4), 0.0)


@pytest.mark.parametrize(
    ("runtime", "installed", "plan"),
    [
        ("auto", ["litert", "openvino"], ("litert", devices.TRIED, True)),
        ("auto", ["litert"], ("litert", "no other runtime for CPUs is installed", False)),
        ("litert", ["litert", "openvino"], ("litert", "OPSIN_RUNTIME is litert", False)),
        ("openvino", ["litert", "openvino"], ("openvino", "OPSIN_RUNTIME is openvino", False)),
    ],
)
def test_runtimes_are_tried_where_there_are_several_and_none_is_asked_for(monkeypatch, runtime, installed, plan):
    monkeypatch.setattr(devices, "installed_runtimes", lambda: dict.fromkeys(installed, "1.0"))
    made = plan_for(Device(), Settings(runtime=runtime))
    assert (made.runtime, made.runtime_reason, made.is_runtime_tried) == plan


def test_gpu_runs_large_batches_that_may_wait_a_little():
    plan = plan_for(Device("0"), Settings())
    assert (plan.runtime, plan.num_runners, plan.num_lone_threads) == ("tensorflow", 2, 1)
    assert plan.batch_sizes == (1, 2, 4, 8, 16, 32)
    assert plan.max_queue_delay_s == 0.002
    assert plan.needs_gpu
    assert (plan.runtime_reason, plan.is_runtime_tried) == ("the device is a GPU", False)
    assert plan_for(Device("0"), Settings(max_queue_delay_ms=0)).max_queue_delay_s == 0


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
