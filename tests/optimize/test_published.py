import gzip

import numpy as np
import pytest
from small_artifacts import small_manifest

from models.measuring.metrics import Metrics
from models.network.export import export_float32
from models.network.resnet_v2 import ResNetV2, build
from models.report import size
from models.store.artifact import Artifact
from optimize.published import Published, zeros_and_gzip
from training.publish import MeasuredFile

METRICS = Metrics(num_images=100, top1=0.9, top5=1.0, loss=0.3, ece=0.01)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A dense file, and one whose kernels are three quarters zeros."""
    folder = tmp_path_factory.mktemp("files")
    model = build(ResNetV2.of("8", width=4))
    export_float32(model, folder / "dense.tflite")
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            is_kept = np.arange(layer.kernel.shape.num_elements()) % 4 == 0
            layer.kernel.assign(layer.kernel * is_kept.reshape(layer.kernel.shape))
    export_float32(model, folder / "sparse.tflite")
    return {name: folder / f"{name}.tflite" for name in ("dense", "sparse")}


def text_of(before, after) -> list[str]:
    artifact = Artifact(before.parent, small_manifest())
    result = Published(
        artifact, MeasuredFile(before, "float32", METRICS, METRICS), MeasuredFile(after, "float32", METRICS, METRICS)
    )
    return str(result).splitlines()


def test_the_result_is_one_line(files):
    [line] = text_of(files["dense"], files["dense"])
    assert line.startswith(
        "published flowers version 1 (float32): top-1 90.0 % -> 90.0 % of 100 test images (82.6 to 94.5), "
    )


def test_of_a_sparse_file_it_says_zeros_and_gzip_and_what_they_are_not_good_for(files):
    _, zeros = text_of(files["dense"], files["sparse"])
    before, after = (size(len(gzip.compress(files[name].read_bytes(), 9, mtime=0))) for name in ("dense", "sparse"))
    assert zeros == (
        f"zeros in its kernels: 0.00 % -> 75.00 %; after gzip: {before} -> {after}. "
        "Zeros shrink the compressed file; dense kernels run no faster for them."
    )


def test_a_manifest_has_the_part_of_zeros_and_the_bytes_after_gzip(files):
    found = zeros_and_gzip(files["sparse"])
    assert found["measured_sparsity"] == 0.75
    assert found["gzip_bytes"] == len(gzip.compress(files["sparse"].read_bytes(), 9, mtime=0))
