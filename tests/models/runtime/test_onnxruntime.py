"""ONNX Runtime on the CPU, with files that `models publish --onnx` makes; and what it is told on a GPU."""

import warnings
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cifar10_sample import sample_pixels

from models.errors import CorruptArtifact, RuntimeMissing
from models.explanation.explainable_file import open_explainable
from models.portable.export import for_one_picture
from models.runtime import load_runtime
from models.runtime.gpu_providers import GpuProviders
from models.runtime.litert import LiteRTRuntime
from models.runtime.shared_weights import SharedWeights
from models.store.repository import Repository

missing = "onnxruntime is not installed: requirements/serve-onnx.txt"
onnxruntime_runtime = pytest.importorskip("models.runtime.onnxruntime", reason=missing)
served_classifier = pytest.importorskip("onnx_models", reason=missing).served_classifier
OnnxRuntime = onnxruntime_runtime.OnnxRuntime

REPO = Path(__file__).resolve().parents[3]
SHIPPED = Repository(REPO / "models" / "zoo").load("cifar10")
TENSORS = {"input_shape": (32, 32, 3), "num_classes": 10}


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The shipped model as it is converted: in int8, and computed in float32."""
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed: requirements/onnx.txt")
    from models.portable.onnx_file import convert

    folder = tmp_path_factory.mktemp("onnx")
    model = folder / "model.tflite"
    model.write_bytes(for_one_picture(SHIPPED.model_path("litert").read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx' own
        for name, is_float32 in (("int8", False), ("float32", True)):
            (folder / f"{name}.onnx").write_bytes(convert(model, is_float32=is_float32))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    file = tmp_path_factory.mktemp("small") / "model.onnx"
    file.write_bytes(served_classifier())
    return file


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "mean_distance"), [("int8", 0.005), ("float32", 0.02)])
def test_agrees_with_litert_on_photos(converted, precision, mean_distance):
    images = sample_pixels()
    with (
        closing(load_runtime(SHIPPED)) as litert,
        closing(OnnxRuntime(converted / f"{precision}.onnx", **TENSORS)) as own,
    ):
        expected, found = litert.run(images), own.run(images)
    assert (expected.argmax(axis=1) == found.argmax(axis=1)).mean() >= 0.99
    assert np.abs(expected - found).sum(axis=1).mean() / 2 <= mean_distance
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_feature_maps_are_those_of_litert_within_a_few_steps_of_int8(converted):
    images, explainable = sample_pixels()[:3], open_explainable(SHIPPED.model_path("litert"))
    own = OnnxRuntime(converted / "int8.onnx", **TENSORS, explainable=explainable)
    litert = LiteRTRuntime(SHIPPED.model_path("litert"), **TENSORS, explainable=explainable)
    with closing(own), closing(litert):
        own.run(images)
        litert.run(images)
        for index in range(3):
            assert np.abs(own.features(index) - litert.features(index)).mean() < 0.05
            assert own.features(index).shape == (8, 8, 128)


@pytest.mark.slow
def test_a_file_says_in_which_precision_it_computes_where_that_is_another(converted):
    for name, said in (("int8", ""), ("float32", "float32")):
        with closing(OnnxRuntime(converted / f"{name}.onnx", **TENSORS)) as own:
            assert own.precision == said


def test_without_feature_maps_nothing_can_be_explained(small):
    explainable = open_explainable(SHIPPED.model_path("litert"))
    with pytest.raises(CorruptArtifact, match=r"model.onnx must give 'features' beside probabilities"):
        OnnxRuntime(small, **TENSORS, explainable=explainable)


def test_pictures_of_unusual_size(tmp_path):
    (tmp_path / "model.onnx").write_bytes(served_classifier(24, 40, num_classes=3))
    images = np.random.default_rng(0).integers(0, 256, (5, 24, 40, 3), np.uint8)
    with closing(OnnxRuntime(tmp_path / "model.onnx", input_shape=(24, 40, 3), num_classes=3)) as own:
        assert own.run(images).shape == (5, 3)
        np.testing.assert_allclose(own.run(images[:2]), own.run(images)[:2], atol=1e-6)


def test_copies_of_as_many_threads_share_a_session(small):
    with SharedWeights() as weights:
        copies = [OnnxRuntime(small, **TENSORS, weights=weights, num_threads=threads) for threads in (1, 1, 2)]
    sessions = {id(copy._session) for copy in copies}
    assert len(sessions) == 2
    copies[0].close()
    assert copies[1].run(sample_pixels()[:1]).shape == (1, 10)


@pytest.fixture
def on_gpu(monkeypatch):
    """A library that has what runs on a GPU; `asked` is what its session was asked for, `used` what it came to."""
    seen = SimpleNamespace(
        used=["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], sizes=[]
    )
    library = onnxruntime_runtime.ort
    load = library.InferenceSession

    def session(path, options, providers):
        seen.asked = providers
        real = load(path, options, providers=["CPUExecutionProvider"])

        def run(names, given):
            seen.sizes.append(len(next(iter(given.values()))))
            return real.run(names, given)

        told = {name: getattr(real, name) for name in ("get_inputs", "get_outputs", "get_modelmeta")}
        return SimpleNamespace(run=run, get_providers=lambda: seen.used, **told)

    monkeypatch.setattr(library, "InferenceSession", session)
    monkeypatch.setattr(library, "preload_dlls", lambda: None)
    monkeypatch.setattr(library, "get_available_providers", lambda: seen.used)
    return seen


def test_tensorrt_builds_one_engine_for_all_sizes_and_keeps_it(small, on_gpu, tmp_path):
    OnnxRuntime(small, **TENSORS, batch_sizes=(1, 4), gpu=GpuProviders(cache=tmp_path / "cache")).close()
    (name, options), (second, _), last = on_gpu.asked
    assert (name, second, last) == tuple(on_gpu.used)
    folder = str(tmp_path / "cache" / "tensorrt")
    assert options == {
        "trt_fp16_enable": True,
        "trt_profile_min_shapes": "image:1x32x32x3",
        "trt_profile_opt_shapes": "image:4x32x32x3",
        "trt_profile_max_shapes": "image:4x32x32x3",
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": folder,
    }
    assert Path(folder).stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_keeps_no_engines(small, on_gpu, tmp_path):
    tmp_path.chmod(0o777)
    OnnxRuntime(small, **TENSORS, batch_sizes=(1,), gpu=GpuProviders(cache=tmp_path)).close()
    assert "trt_engine_cache_path" not in on_gpu.asked[0][1]


def test_without_the_libraries_of_tensorrt_cuda_serves_and_the_log_says_so(small, on_gpu, caplog, monkeypatch):
    monkeypatch.setattr(onnxruntime_runtime.logging.getLogger("opsin"), "propagate", True)
    on_gpu.used = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    OnnxRuntime(small, **TENSORS, batch_sizes=(1,), gpu=GpuProviders()).close()
    assert "TensorRT's libraries cannot be loaded, so CUDA alone runs model.onnx" in caplog.text
    caplog.clear()
    OnnxRuntime(small, **TENSORS, batch_sizes=(1,), gpu=GpuProviders("cuda")).close()
    assert caplog.text == ""
    assert [name for name, _ in on_gpu.asked[:-1]] == ["CUDAExecutionProvider"]


def test_a_gpu_that_cannot_be_used_is_an_error_and_not_the_cpu(small, on_gpu):
    on_gpu.used = ["CPUExecutionProvider"]
    with pytest.raises(RuntimeMissing, match=r"^ONNX Runtime cannot use the GPU: the driver is too old"):
        OnnxRuntime(small, **TENSORS, batch_sizes=(1,), gpu=GpuProviders())


def test_batches_on_a_gpu_are_of_few_sizes(small, on_gpu):
    images = sample_pixels()[:11]
    with closing(OnnxRuntime(small, **TENSORS)) as plain:
        expected = plain.run(images)
    own = OnnxRuntime(small, **TENSORS, batch_sizes=(4, 1, 2), gpu=GpuProviders())
    on_gpu.sizes.clear()
    np.testing.assert_allclose(own.run(images), expected, atol=1e-6)
    assert on_gpu.sizes == [4, 4, 4]
    on_gpu.sizes.clear()
    own.run(images[:1])
    assert on_gpu.sizes == [1]
