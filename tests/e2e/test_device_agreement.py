"""The two files of one model answer alike: float16 on TensorFlow, as on a GPU, and int8 on LiteRT, as on a CPU."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cifar10_sample import sample
from running_server import ZOO
from toy_data import write_npz

from models.repository import Repository
from models.runtime import load_runtime
from optimize.agreement import compare_answers
from optimize.for_device import add_file
from optimize.quantization.post_training import quantize
from optimize.source import open_source
from training.config import preset, replaced
from training.data import load_dataset
from training.dataset import Split
from training.evaluate import BATCH_SIZE, predict
from training.npz import encode_png
from training.train import train

LABELS_AT_LEAST = 0.99
MAX_POINTS = 0.3


def check(agreement):
    assert agreement.labels >= LABELS_AT_LEAST, agreement
    assert 100 * abs(agreement.before.top1 - agreement.after.top1) <= MAX_POINTS + 1e-9, agreement


def agreement_of(artifact, split):
    """Each image as encoded bytes through the preprocessing and both runtimes."""
    answers = []
    for name in ("litert", "tensorflow"):
        runtime = load_runtime(artifact, runtime=name, num_threads=2, batch_sizes=(BATCH_SIZE,))
        answers.append(predict(runtime, split, artifact.manifest.pixels))
        runtime.close()
    return compare_answers(*answers, split.targets)


@pytest.fixture(scope="module")
def shipped():
    artifact = Repository(ZOO).load("cifar10")
    if "tensorflow" not in artifact.manifest.engines:
        pytest.skip("the shipped model has no file for a GPU: python -m models export adds it where its run is at hand")
    return artifact


@pytest.mark.slow
def test_small_model_agrees_on_images_that_it_knows(tmp_path):
    # Three colours under noise, learned until hardly an image is in doubt: rounding may then change hardly any label.
    data = write_npz(tmp_path / "toy.npz", num_train=192, num_test=300)
    config = replaced(preset("smoke"), {"epochs": 8})
    repository, workdir = Repository(tmp_path / "repository"), tmp_path / "run"
    train(config, data, workdir, repository=repository, name="toy")
    quantize(open_source(workdir, None), workdir).publish(repository, max_accuracy_drop=100)
    int8 = repository.load("toy", 2)
    added = add_file(int8, "gpu", workdir, repository=repository, max_accuracy_drop=100)
    assert added.agreement.after.top1 >= 0.95
    check(added.agreement)
    # Its loss may differ in the last digits: a runtime compiles with XLA where that is faster when it is loaded.
    assert str(agreement_of(added.artifact, open_source(workdir, None).data.test)) == str(added.agreement)


@pytest.mark.slow
def test_shipped_model_agrees_on_the_sample(shipped):
    images, targets = sample()
    check(agreement_of(shipped, Split(targets, lambda index: encode_png(images[index]))))


@pytest.mark.slow
def test_shipped_model_agrees_on_all_test_images(shipped, shared_data, tmp_path):
    subprocess.run([sys.executable, shared_data / "unpack_cifar10.py", tmp_path / "cifar10.npz"], check=True)
    check(agreement_of(shipped, load_dataset(tmp_path / "cifar10.npz", test_fraction=0.1, seed=0).test))
