"""The models in recipes/cifar10: what the recipe of that name has made, as docs/compression.md tells it."""

from pathlib import Path

import pytest
from cifar10_sample import deviations_from_manifest

from models.store.repository import Repository
from optimize.cost.tflite_file import read_tflite

REPO = Path(__file__).resolve().parents[2]
ROWS = Repository(REPO / "recipes" / "cifar10")


@pytest.fixture(params=ROWS.names())
def artifact(request):
    return ROWS.load(request.param)


@pytest.fixture
def file(artifact):
    return read_tflite(artifact.model_path("litert"))


def test_all_between_pixels_and_softmax_is_int8(artifact, file):
    assert artifact.manifest.formats["litert"].precision == "int8"
    assert file.float_operators == ("DEQUANTIZE", "SOFTMAX")


def test_its_zeros_are_those_of_its_manifest(artifact, file):
    assert file.sparsity == pytest.approx(artifact.manifest.provenance["measured_sparsity"], abs=1e-6)


def test_is_as_good_on_a_sample_as_on_the_whole_test_set(artifact):
    assert abs(deviations_from_manifest(artifact)) <= 3


def test_the_document_has_its_accuracy_and_its_bytes(artifact, file):
    document = (REPO / "docs" / "compression.md").read_text()
    [row] = [line for line in document.splitlines() if line.startswith(f"| `{artifact.manifest.name}`")]
    assert f"{artifact.manifest.metrics['int8']['top1']:.2%}".replace("%", " %") in row
    assert f"{file.num_bytes:,}" in row
