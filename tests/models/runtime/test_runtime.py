import sys
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_artifacts import small_manifest, write_artifact

from models.errors import CorruptArtifact, FormatMissing, RuntimeMissing
from models.network.export import export_float32, export_saved_model
from models.network.resnet_v2 import ResNetV2, build
from models.portable.export import for_one_picture
from models.portable.onnx_file import convert
from models.runtime import RUNTIMES, load_runtime
from models.runtime.litert import LiteRTRuntime
from models.store.artifact import Artifact
from models.store.manifest import ModelFile
from models.store.model_files import format_of

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A version with a file in each format, of one network."""
    folder = tmp_path_factory.mktemp("both")
    keras.utils.set_random_seed(0)
    model = build(ResNetV2.of("8", width=8, num_classes=3))
    export_float32(model, folder / "float32.tflite")
    export_saved_model(model, folder / "exported", "float16")
    sources = {"model.tflite": folder / "float32.tflite", "saved_model": folder / "exported"}
    manifest = small_manifest()
    with suppress(RuntimeMissing), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx' own
        (folder / "one.tflite").write_bytes(for_one_picture((folder / "float32.tflite").read_bytes()))
        (folder / "model.onnx").write_bytes(convert(folder / "one.tflite"))
        sources["model.onnx"] = folder / "model.onnx"
        manifest = small_manifest(formats={**manifest.formats, "onnx": ModelFile("model.onnx", "float32")})
    return write_artifact(folder / "flowers", manifest, sources)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_gives_the_same_answers(artifact, runtime):
    pytest.importorskip(f"models.runtime.{runtime}", reason=f"the library of {runtime} is not installed")
    if format_of(runtime).name not in artifact.manifest.formats:
        pytest.skip("tf2onnx, which makes its file, is not installed")
    litert = load_runtime(artifact)
    loaded = load_runtime(artifact, runtime=runtime, batch_sizes=(1, 4))
    for images in (IMAGES, list(IMAGES[:1])):
        np.testing.assert_allclose(loaded.run(images), litert.run(images), atol=2e-3)
    loaded.close()
    litert.close()


def test_every_batch_size_has_run_before_the_first_call(artifact, monkeypatch):
    sizes = []
    run = LiteRTRuntime.run
    monkeypatch.setattr(LiteRTRuntime, "run", lambda self, images: sizes.append(len(images)) or run(self, images))
    load_runtime(artifact, batch_sizes=(1, 4, 2)).close()
    assert sizes == [4, 2, 1]


def test_an_artifact_without_a_file_for_it_is_refused(artifact):
    only = replace(artifact.manifest, formats={"litert": ModelFile("model.tflite", "float32")})
    with pytest.raises(FormatMissing, match=r"has no file for the engine 'tensorflow'; it has litert \(float32\)"):
        load_runtime(Artifact(artifact.path, only), runtime="tensorflow")


@pytest.mark.parametrize(
    ("runtime", "package", "requirements"),
    [
        ("openvino", "openvino", "serve-openvino"),
        ("onnxruntime", "onnxruntime", "serve-onnx"),
        ("tensorflow", "tensorflow", "gpu"),
    ],
)
def test_a_library_that_is_not_installed_is_named(artifact, monkeypatch, runtime, package, requirements):
    assert Path("requirements", f"{requirements}.txt").exists()
    monkeypatch.delitem(sys.modules, f"models.runtime.{runtime}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # what makes Python say that there is no such module
    message = f"^the runtime '{runtime}' is not installed; requirements/{requirements}.txt has what it needs$"
    with pytest.raises(RuntimeMissing, match=message):
        load_runtime(artifact, runtime=runtime)


def test_a_file_of_another_model_is_corrupt(artifact):
    other = Artifact(artifact.path, replace(artifact.manifest, labels=("cat", "dog")))
    with pytest.raises(CorruptArtifact, match=r"must give float32 \[N, 2\]"):
        load_runtime(other)


def test_a_model_that_gives_no_numbers_is_corrupt(artifact, tmp_path):
    module = tf.Module()
    module.serve = tf.function(
        lambda image: {"probabilities": tf.cast(image[:, 0, 0], tf.float32) / 0.0},
        input_signature=[tf.TensorSpec([None, 32, 32, 3], tf.uint8, name="image")],
    )
    tf.saved_model.save(module, str(tmp_path / "saved_model"), signatures=module.serve)
    with pytest.raises(CorruptArtifact, match=r"^the model cannot be run by the runtime 'tensorflow'$"):
        load_runtime(Artifact(tmp_path, artifact.manifest), runtime="tensorflow")


@pytest.mark.parametrize("batch_sizes", [(), (0,), (2, -1)])
def test_batch_sizes_must_be_positive(artifact, batch_sizes):
    with pytest.raises(ValueError, match="batch_sizes must be at least one number >= 1, got"):
        load_runtime(artifact, batch_sizes=batch_sizes)


def test_another_runtime_is_refused(artifact):
    with pytest.raises(
        ValueError, match="runtime must be one of litert, openvino, tensorflow, onnxruntime, got 'onnx'"
    ):
        load_runtime(artifact, runtime="onnx")
