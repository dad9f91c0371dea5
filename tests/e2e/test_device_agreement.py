"""The two files of one model answer alike: float16 on TensorFlow, as on a GPU, and int8 on LiteRT, as on a CPU."""

from __future__ import annotations

import pytest
from agreement import agreement_of, assert_alike
from toy_data import write_npz

from models.store.repository import Repository
from optimize.for_device import add_file
from optimize.gate import Limits
from optimize.quantization.post_training import quantize
from optimize.source import open_source
from training.config import preset, replaced
from training.train import train


@pytest.mark.slow
@pytest.mark.extended(
    covers=[
        "models/network/export.py",
        "models/network/float16.py",
        "models/network/folding.py",
        "models/network/tflite_graph.py",
        "models/runtime/litert.py",
        "models/runtime/tensorflow.py",
        "optimize/agreement.py",
        "optimize/for_device.py",
        "optimize/quantization/*.py",
    ]
)
def test_small_model_agrees_on_images_that_it_knows(tmp_path):
    # Three colours under noise, learned until hardly an image is in doubt: rounding may then change hardly any label.
    data = write_npz(tmp_path / "toy.npz", num_train=192, num_test=300)
    config = replaced(preset("smoke"), {"epochs": 8})
    repository, workdir = Repository(tmp_path / "repository"), tmp_path / "run"
    train(config, data, workdir, repository=repository, name="toy")
    quantize(open_source(workdir, None), workdir).publish(repository, limits=Limits(max_accuracy_drop=100))
    int8 = repository.load("toy", 2)
    added = add_file(int8, "gpu", workdir, repository=repository, max_accuracy_drop=100)
    assert added.agreement.after.top1 >= 0.95
    assert_alike(added.agreement)
    # Its loss may differ in the last digits: a runtime compiles with XLA where that is faster when it is loaded.
    assert str(agreement_of(added.artifact, open_source(workdir, None).data.test)) == str(added.agreement)
