import dataclasses

import numpy as np
import pytest
from toy_data import LABELS
from trained_models import trained

from models.network.export import export_float32, export_saved_model
from models.network.resnet_v2 import ResNetV2
from models.pixels.spec import PixelSpec
from optimize.agreement import predict_saved_model
from optimize.report.accuracy import predict_all
from optimize.report.compared import Compared
from optimize.report.on_gpu import measure_on_gpu
from optimize.report.words import gpu_cells
from training.data import load_dataset
from training.dataset import HeldOut


@pytest.fixture(scope="module")
def data(toy_npz):
    return load_dataset(toy_npz, HeldOut())


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A model with a file for CPUs and one for GPUs."""
    folder = tmp_path_factory.mktemp("both")
    model = trained(ResNetV2.of("8", width=8, num_classes=3))
    export_float32(model, folder / "model.tflite")
    export_saved_model(model, folder / "saved_model", "float32")
    return Compared(
        "both:1", folder / "model.tflite", PixelSpec(32, 32), "float32", LABELS, folder / "saved_model", "float32"
    )


def test_same_network_agrees_with_itself(both, data):
    predictions = predict_all([both], data, num_threads=1)
    found = measure_on_gpu([both], predictions, data)["both:1"]
    assert found.agreement.labels == 1
    before, after = found.agreement.before, found.agreement.after
    assert (before.num_images, before.top1, before.top5) == (after.num_images, after.top1, after.top5)
    assert (before.loss, before.ece) == pytest.approx((after.loss, after.ece), abs=1e-4)
    assert found.to_dict()["agreement_with_litert"] == 1


def test_other_answers_are_counted_against_the_file_for_gpus(both, data):
    answers = predict_saved_model(both.saved_model, data.test, both.pixels, num_classes=3)
    turned = np.roll(answers, 1, axis=1)  # each label is another one
    found = measure_on_gpu([both], {"both:1": turned}, data)["both:1"]
    assert (found.agreement.labels, gpu_cells(found)[:2]) == (0, ("float32", "0.00 %"))


def test_model_without_a_file_for_gpus_is_left_out(both, data):
    assert measure_on_gpu([dataclasses.replace(both, saved_model=None)], {}, data) == {}
