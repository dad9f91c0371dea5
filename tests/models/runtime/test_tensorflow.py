import shutil
from itertools import accumulate
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from models.errors import CorruptArtifact, RuntimeMissing
from models.network.export import export_saved_model
from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build
from models.runtime.tensorflow import NUM_MEASURED_CALLS, TensorFlowRuntime

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def model():
    model = build(ResNetV2.of("8", width=8))
    rng = np.random.default_rng(2)
    # An untrained classifier gives every class the same probability; this one has opinions.
    model.get_layer("predictions").set_weights([0.2 * rng.normal(size=(32, 10)), rng.normal(size=10)])
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "saved_model"
    export_saved_model(model, folder, "float16")
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "saved_model")


def scripted(*seconds):
    """Instead of a clock: each call runs once and is said to take the next of these."""
    durations = iter(seconds)

    def measure(call):
        call()
        return next(durations)

    return measure


def load(folder, *, shape=(32, 32, 3), num_classes=10, **options):
    return TensorFlowRuntime(folder, input_shape=shape, num_classes=num_classes, **options)


@pytest.fixture(scope="module")
def runtime(folder):
    # Size 2 is faster as it is, size 4 with XLA.
    runtime = load(folder, batch_sizes=(2, 4), measure=scripted(1, 2, 2, 1))
    yield runtime
    runtime.close()


def test_gives_the_probabilities_of_the_model_at_any_number_of_images(model, runtime):
    expected = tf.nn.softmax(model(normalize(IMAGES), training=False)).numpy()
    for size in (4, 1, 3, 2):
        found = runtime.run(list(IMAGES[:size]))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[:size], atol=2e-3)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_xla_is_kept_where_it_was_faster(runtime):
    assert runtime.xla_batch_sizes == (4,)


def test_by_itself_it_times_both_ways_by_the_clock(folder, monkeypatch):
    durations = [2] * NUM_MEASURED_CALLS + [1] * NUM_MEASURED_CALLS  # as it is, then with XLA
    clock = accumulate(seconds for duration in durations for seconds in (0, duration))
    monkeypatch.setattr("models.runtime.tensorflow.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    runtime = load(folder, batch_sizes=(1,))
    assert runtime.xla_batch_sizes == (1,)
    assert next(clock, None) is None  # the call before, which compiles, was not timed
    assert runtime.run(IMAGES[:1]).shape == (1, 10)


def test_more_images_than_the_largest_batch_size_are_refused(runtime):
    with pytest.raises(ValueError, match="images must be at most 4, got 5"):
        runtime.run([IMAGES[0]] * 5)


@pytest.mark.parametrize(
    "file", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "garbage"])
def test_a_damaged_folder_is_corrupt(copy, file, damage):
    content = (copy / file).read_bytes()
    (copy / file).unlink()
    if damage != "missing":
        damaged = {"empty": b"", "half": content[: len(content) // 2], "garbage": b"\x07garbage" * 99}[damage]
        (copy / file).write_bytes(damaged)
    with pytest.raises(CorruptArtifact, match=r"^saved_model cannot be loaded by TensorFlow$"):
        load(copy)


def save(folder, function, **inputs):
    module = tf.Module()
    module.serve = tf.function(function, input_signature=list(inputs.values()))
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return folder


def test_a_model_with_other_names_is_corrupt(tmp_path):
    wanted = tf.TensorSpec([None, 32, 32, 3], tf.uint8, name="pixels")
    folder = save(tmp_path / "saved_model", lambda pixels: {"scores": tf.reduce_mean(pixels, [1, 2])}, pixels=wanted)
    with pytest.raises(CorruptArtifact, match=r"must take 'image' and give 'probabilities', it has \['pixels'\]"):
        load(folder)


def test_a_model_that_fails_when_it_runs_is_corrupt(tmp_path):
    def serve(image):
        mean = tf.reshape(tf.cast(image, tf.float32), [-1, 7])[:, :1]  # 3072 pixels are no multiple of 7
        return {"probabilities": tf.ensure_shape(tf.repeat(mean, 10, axis=1), [None, 10])}

    folder = save(tmp_path / "saved_model", serve, image=tf.TensorSpec([None, 32, 32, 3], tf.uint8, name="image"))
    with pytest.raises(CorruptArtifact, match=r"^saved_model cannot be run by TensorFlow$"):
        load(folder)


def test_where_it_needs_a_gpu_it_does_not_fall_back(folder):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees a GPU")
    with pytest.raises(RuntimeMissing, match="TensorFlow cannot use the GPU"):
        load(folder, needs_gpu=True)


@pytest.mark.gpu
def test_runs_on_the_gpu(folder):
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU")
    before = tf.config.experimental.get_memory_info("GPU:0")["current"]
    runtime = load(folder, batch_sizes=(1, 4))
    assert tf.config.experimental.get_memory_info("GPU:0")["current"] > before
    assert runtime.run(IMAGES).shape == (4, 10)


def test_a_folder_whose_name_looks_like_a_pattern_is_loaded(folder, tmp_path):
    odd = shutil.copytree(folder, tmp_path / "pets[v1]*?{c}" / "saved_model")
    runtime = load(odd, measure=scripted(1, 2))
    assert runtime.run(list(IMAGES[:1])).shape == (1, 10)
    runtime.close()
