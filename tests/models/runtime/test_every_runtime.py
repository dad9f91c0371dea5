"""What every runtime has to do, each with the shipped model's file for it, or a small one."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cifar10_sample import sample_pixels

from models.errors import CorruptArtifact
from models.runtime import Runtime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
SHIPPED = Repository(REPO / "models" / "zoo").load("cifar10")


@dataclass(frozen=True)
class Kind:
    """A runtime as the tests make it, how it calls itself, and how far its answers may differ with the batch."""

    load: Callable[..., Runtime]
    name: str
    tolerance: float

    def __call__(self, path=None, *, input_shape=(32, 32, 3), num_classes=10, **options) -> Runtime:
        return self.load(path or self.path, input_shape=input_shape, num_classes=num_classes, **options)

    @property
    def path(self) -> Path:
        if self.name == "ONNX Runtime":
            return small_onnx_file()
        return SHIPPED.model_path("tensorflow" if self.name == "TensorFlow" else "litert")


def litert() -> Kind:
    from models.runtime.litert import LiteRTRuntime

    return Kind(LiteRTRuntime, "LiteRT", 1e-6)


def sharing() -> Kind:
    from models.runtime.shared_weights import SharedWeights, SharingRuntime

    def load(path, **options):
        with SharedWeights() as weights:
            return SharingRuntime(path, weights=weights, **options)

    return Kind(load, "LiteRT", 1e-6)


def openvino() -> Kind:
    # Not openvino itself, which imported like that reports home.
    reason = "openvino is not installed: requirements/serve-openvino.txt"
    return Kind(pytest.importorskip("models.runtime.openvino", reason=reason).OpenVINORuntime, "OpenVINO", 1e-5)


def onnxruntime() -> Kind:
    reason = "onnxruntime is not installed: requirements/serve-onnx.txt"
    return Kind(pytest.importorskip("models.runtime.onnxruntime", reason=reason).OnnxRuntime, "ONNX Runtime", 1e-6)


@cache
def small_onnx_file() -> Path:
    """The shipped model as ONNX takes seconds to make."""
    from onnx_models import served_classifier

    file = Path(tempfile.mkdtemp()) / "model.onnx"
    file.write_bytes(served_classifier())
    return file


def tensorflow() -> Kind:
    from models.runtime.tensorflow import TensorFlowRuntime

    def load(path, **options):
        return TensorFlowRuntime(path, batch_sizes=(8,), measure=lambda _: 1.0, **options)

    return Kind(load, "TensorFlow", 2e-3)


@pytest.fixture(
    scope="module", params=[litert, sharing, openvino, onnxruntime, tensorflow], ids=lambda kind: kind.__name__
)
def kind(request):
    return request.param()


@pytest.fixture(scope="module")
def runtime(kind):
    runtime = kind()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def images():
    return sample_pixels()[:7]


def test_an_image_has_the_same_probabilities_in_any_batch(runtime, kind, images):
    one_by_one = np.concatenate([runtime.run(images[index : index + 1]) for index in range(len(images))])
    assert (one_by_one.dtype, one_by_one.shape) == (np.float32, (7, 10))
    np.testing.assert_allclose(one_by_one.sum(axis=1), 1, atol=1e-5)
    for size in (1, 2, 3, 7):
        np.testing.assert_allclose(runtime.run(list(images[:size])), one_by_one[:size], atol=kind.tolerance)


def test_images_may_lie_anywhere_in_memory(runtime, kind, images):
    scattered = [images[4], np.asfortranarray(images[0]), images[2, ::-1]]
    expected = runtime.run(np.stack(scattered))
    np.testing.assert_allclose(runtime.run(scattered), expected, atol=kind.tolerance)


def test_answers_are_not_overwritten_by_the_next_call(runtime, images):
    first = runtime.run(images[:1])
    kept = first.copy()
    runtime.run(images[1:2])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda images: images.astype(np.float32), r"float32 \[32, 32, 3\]"),
        (lambda images: images[:, :16], r"uint8 \[16, 32, 3\]"),
        (lambda images: images[0], r"uint8 \[32, 3\]"),
        (lambda images: [images[0], images[1, :, :, :1]], r"uint8 \[32, 32, 1\]"),
    ],
)
def test_other_images_are_refused(runtime, images, change, got):
    with pytest.raises(ValueError, match=rf"images must be uint8 \[32, 32, 3\] each, got {got}"):
        runtime.run(change(images))


@pytest.mark.parametrize("images", [[], np.zeros((0, 32, 32, 3), np.uint8)])
def test_no_images_are_refused(runtime, images):
    with pytest.raises(ValueError, match="images must be at least one, got none"):
        runtime.run(images)


def test_close_is_idempotent(kind):
    runtime = kind()
    runtime.close()
    runtime.close()


def test_a_model_of_other_shapes_is_corrupt(kind):
    with pytest.raises(CorruptArtifact, match=r"must take uint8 \[N, 64, 64, 3\], it takes uint8 \[-1, 32, 32, 3\]"):
        kind(input_shape=(64, 64, 3))
    with pytest.raises(CorruptArtifact, match=r"must give float32 \[N, 4\], it gives float32 \[-1, 10\]"):
        kind(num_classes=4)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 4096])
def test_a_file_that_is_no_model_is_corrupt(kind, tmp_path, content):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(CorruptArtifact, match=rf"^model cannot be loaded by {kind.name}$"):
        kind(tmp_path / "model")
