"""The model in models/zoo: it is what its manifest says."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from agreement import agreement_of, assert_alike
from cifar10_sample import deviations_from_manifest, sample_split

from models.store.repository import Repository
from training.config import TrainingConfig
from training.data import load_dataset

REPO = Path(__file__).resolve().parents[2]
MAX_BYTES = 1_500_000


@pytest.fixture(scope="module")
def artifact():
    return Repository(REPO / "models" / "zoo").load("cifar10")


def test_is_small_and_int8(artifact):
    engine = artifact.manifest.formats["litert"]
    assert engine.precision == "int8"
    assert artifact.model_path("litert").stat().st_size <= MAX_BYTES


def test_manifest_says_how_it_was_made_and_how_good_it_is(artifact):
    provenance, metrics = artifact.manifest.provenance, artifact.manifest.metrics
    assert provenance["training_commands"][0].startswith("python -m training --data cifar10.npz --preset cifar10 ")
    assert provenance["command"].startswith("python -m optimize quantize ")
    assert len(provenance["dataset"]["sha256"]) == 64
    assert metrics["int8"]["num_images"] == metrics["float32"]["num_images"] == 5_000
    assert metrics["int8"]["top1"] >= 0.94
    assert metrics["float32"]["top1"] - metrics["int8"]["top1"] <= 0.005


def test_probabilities_mean_what_they_say(artifact):
    metrics = artifact.manifest.metrics["int8"]
    assert metrics["before_temperature"]["test"]["ece"] > 0.06
    assert metrics["ece"] <= 0.015
    assert artifact.manifest.calibration.num_images == 5_000
    assert artifact.manifest.calibration.unsure_below is not None


def test_commands_of_the_manifest_name_no_path_of_the_machine_that_ran_them(artifact):
    provenance = artifact.manifest.provenance
    words = shlex.split(" ".join([*provenance["training_commands"], provenance["command"]]))
    assert not [word for word in words if Path(word).is_absolute()]


def test_is_as_good_on_a_sample_as_on_the_whole_test_set(artifact):
    assert abs(deviations_from_manifest(artifact)) <= 3


@pytest.mark.slow
def test_files_for_cpus_and_gpus_agree_on_the_sample(artifact):
    assert_alike(agreement_of(artifact, sample_split()))


@pytest.mark.slow
@pytest.mark.extended(covers=["models/zoo/cifar10/**/*", "models/pixels/**/*.py", "models/runtime/*.py"])
def test_is_as_good_as_its_manifest_says_for_cpus_and_gpus(artifact, shared_data, tmp_path):
    subprocess.run([sys.executable, shared_data / "unpack_cifar10.py", tmp_path / "cifar10.npz"], check=True)
    config = TrainingConfig.from_dict(artifact.manifest.provenance["config"])
    data = load_dataset(tmp_path / "cifar10.npz", config.held_out)
    assert data.sha256 == artifact.manifest.provenance["dataset"]["sha256"]
    agreement = agreement_of(artifact, data.test)
    assert_alike(agreement)
    # Kernels round differently from processor to processor: a few images of 10,000 may change sides.
    assert agreement.before.top1 == pytest.approx(artifact.manifest.metrics["int8"]["top1"], abs=0.001)


def test_a_changed_byte_of_the_model_is_found(artifact, tmp_path):
    copy = shutil.copytree(artifact.path.parent, tmp_path / "cifar10") / str(artifact.manifest.version)
    content = bytearray((copy / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.tflite").write_bytes(content)
    command = [sys.executable, "-m", "models", "verify", "--repository", tmp_path]
    process = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "model.tflite" in process.stdout + process.stderr
