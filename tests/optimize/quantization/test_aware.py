"""A toy run's model is trained as the int8 file that it becomes."""

from dataclasses import asdict

import pytest

from models.store.repository import Repository
from optimize.cost.tflite_file import read_tflite
from optimize.gate import Limits
from optimize.quantization.aware import train_quantized
from optimize.settings import QuantizationAwareTraining
from training.run import read_run

pytestmark = pytest.mark.slow

TRAINING = QuantizationAwareTraining(epochs=1, num_calibration_images=16)


@pytest.fixture(scope="module")
def source(open_toy):
    return open_toy()


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "aware"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def result(source, output, repository):
    return train_quantized(source, output, TRAINING, command="c").publish(repository, limits=Limits(100))


def test_ranges_are_learned_from_images_of_the_size_that_is_served(result, output):
    assert read_run(output).config.small_fraction == 0


def test_manifest_says_how_it_was_trained_and_what_came_of_it(result):
    manifest = result.artifact.manifest
    assert manifest.provenance["compression"] == {"method": "quantization-aware training", **asdict(TRAINING)}
    assert manifest.provenance["parent"] == "toy:1"
    assert manifest.provenance["training_commands"] == ["python -m training --data toy.npz --preset smoke", "c"]
    assert manifest.metrics == {"float32": result.before.metrics.to_dict(), "int8": result.after.to_dict()}
    assert manifest.formats["litert"].precision == "int8"
    assert manifest.formats["litert"].saturates is False


def test_file_is_int8_and_smaller(result):
    found = read_tflite(result.after.file)
    assert found.float_operators == ("DEQUANTIZE", "SOFTMAX")
    assert found.num_bytes < 0.5 * read_tflite(result.before.file).num_bytes
    assert result.artifact.manifest.provenance["gzip_bytes"] == found.gzip_bytes
