import numpy as np
import pytest

from models.errors import CorruptArtifact, RunFailed
from models.runtime.litert import LiteRTRuntime


@pytest.fixture(scope="module")
def model_file(toy_run):
    return toy_run / "float32.tflite"


@pytest.fixture
def runtime(model_file):
    runtime = LiteRTRuntime(model_file, input_shape=(32, 32, 3), num_classes=3)
    yield runtime
    runtime.close()


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


def test_an_image_has_the_same_probabilities_in_any_batch(runtime):
    together = runtime.run(IMAGES)
    assert together.shape == (7, 3)
    assert together.dtype == np.float32
    for size in (1, 3, 2, 7):
        np.testing.assert_allclose(runtime.run(IMAGES[:size]), together[:size], atol=1e-6)


def test_images_may_lie_anywhere_in_memory(runtime):
    scattered = [IMAGES[4], np.asfortranarray(IMAGES[0]), IMAGES[2, ::-1]]
    expected = runtime.run(np.stack(scattered))
    np.testing.assert_array_equal(runtime.run(scattered), expected)


def test_answers_are_not_overwritten_by_the_next_call(runtime):
    first = runtime.run(IMAGES[:1])
    kept = first.copy()
    runtime.run(IMAGES[1:2])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    "images", [IMAGES[0], IMAGES.astype(np.float32), IMAGES[:, :16], [IMAGES[0], IMAGES[1, :, :, :1]]]
)
def test_other_images_are_refused(runtime, images):
    with pytest.raises(ValueError, match=r"images must be uint8 \[32, 32, 3\] each, got"):
        runtime.run(images)


@pytest.mark.parametrize("images", [[], IMAGES[:0]])
def test_no_images_are_refused(runtime, images):
    with pytest.raises(ValueError, match="images must be at least one, got none"):
        runtime.run(images)


def test_more_images_than_memory_fail_and_the_next_calls_work(runtime):
    expected = runtime.run(IMAGES[:2])
    with pytest.raises(RunFailed, match=r"^LiteRT failed on 10000000 images$"):
        runtime.run([IMAGES[0]] * 10_000_000)
    for size in (2, 1):
        np.testing.assert_array_equal(runtime.run(IMAGES[:size]), expected[:size])


def test_close_is_idempotent(model_file):
    runtime = LiteRTRuntime(model_file, input_shape=(32, 32, 3), num_classes=3)
    runtime.close()
    runtime.close()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 4096])
def test_a_file_that_is_no_model_is_corrupt(tmp_path, content):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(CorruptArtifact, match=r"^model.tflite cannot be loaded by LiteRT$"):
        LiteRTRuntime(tmp_path / "model.tflite", input_shape=(32, 32, 3), num_classes=3)


def test_a_model_of_other_shapes_is_corrupt(model_file):
    with pytest.raises(CorruptArtifact, match=r"must take uint8 \[N, 64, 64, 3\], it takes uint8 \[-1, 32, 32, 3\]"):
        LiteRTRuntime(model_file, input_shape=(64, 64, 3), num_classes=3)
    with pytest.raises(CorruptArtifact, match=r"must give float32 \[N, 4\], it gives float32 \[-1, 3\]"):
        LiteRTRuntime(model_file, input_shape=(32, 32, 3), num_classes=4)


def test_threads_must_be_positive(model_file):
    with pytest.raises(ValueError, match="num_threads must be >= 1, got 0"):
        LiteRTRuntime(model_file, input_shape=(32, 32, 3), num_classes=3, num_threads=0)


def test_models_by_others_are_refused_politely(shared_data):
    path = shared_data / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    with pytest.raises(CorruptArtifact, match="must give float32"):
        LiteRTRuntime(path, input_shape=(128, 128, 3), num_classes=1001)
