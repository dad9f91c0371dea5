import shutil
from dataclasses import replace

import numpy as np
import pytest
from tflite_files import colour_classifier

from models.measuring.calibrate import fit_temperature, with_temperature
from models.measuring.metrics import Metrics, measure
from models.network.tflite_graph import temperature_of
from models.portable.description import describe
from models.store.calibration import Calibration
from models.store.expected_answers import ExpectedAnswers
from training.config import preset
from training.data import load_dataset
from training.dataset import HeldOut
from training.measured import Answers, MeasuredFile, measure_file, measured, predict_file
from training.run import Run


@pytest.fixture
def run(toy_npz):
    labels = load_dataset(toy_npz, HeldOut()).labels
    values = {"command": "c", "config": preset("smoke"), "data": str(toy_npz), "data_name": "toy", "data_sha256": "0"}
    return Run.new(**values, labels=labels)


@pytest.fixture
def data(toy_npz):
    return load_dataset(toy_npz, HeldOut())


@pytest.fixture
def file(tmp_path):
    """It is right of every image and sure of none."""
    return colour_classifier(tmp_path / "float32.tflite", gain=0.01)


def test_temperature_of_the_validation_images_is_in_the_file_that_is_measured(file, run, data, tmp_path):
    plain = shutil.copy(file, tmp_path / "plain.tflite")
    found = measure_file(file, run, data, precision="float32")
    expected = fit_temperature(predict_file(plain, run, data.validation), data.validation.targets)
    assert found.calibration.temperature == temperature_of(file.read_bytes()) == expected < 1
    assert found.metrics == measure(predict_file(file, run, data.test), data.test.targets)
    assert found.before_temperature["test"].loss == pytest.approx(
        measure(predict_file(plain, run, data.test), data.test.targets).loss, rel=1e-4
    )
    assert found.metrics.loss < found.before_temperature["test"].loss
    assert found.validation.num_images == found.calibration.num_images == len(data.validation)
    assert found.expected_answers == ExpectedAnswers.of(found.answers.validation)


def test_file_that_has_a_temperature_keeps_it(file, run, data):
    first = measure_file(file, run, data, precision="float32")
    content = file.read_bytes()
    again = measure_file(file, run, data, precision="float32")
    assert file.read_bytes() == content
    assert (again.metrics, again.calibration.temperature) == (first.metrics, first.calibration.temperature)


def test_run_without_validation_images_gets_no_temperature_from_its_test_images(file, run, toy_npz):
    content = file.read_bytes()
    data = load_dataset(toy_npz, HeldOut(validation_fraction=0))
    found = measure_file(file, run, data, precision="float32")
    assert file.read_bytes() == describe(content, run.labels, run.config.pixels)
    assert (found.calibration, found.validation, found.expected_answers) == (None, found.metrics, None)
    assert found.to_dict() == found.metrics.to_dict()
    [line] = found.about_probabilities()
    assert line == "its probabilities are as trained: without validation images no temperature is fitted"


def test_manifest_has_the_figures_of_both_sets_before_and_after(file, run, data):
    found = measure_file(file, run, data, precision="float32")
    values = found.to_dict()
    assert values == values | found.metrics.to_dict()
    assert values["validation"] == found.validation.to_dict()
    assert set(values["before_temperature"]) == {"validation", "test"}
    assert values["before_temperature"]["test"].keys() == {"loss", "ece", "intervals"}
    assert len(values["temperature_interval"]) == 2  # of few images


def test_images_of_the_class_none_are_counted_apart_too(file, data):
    data = replace(data, labels=("_none", *data.labels[1:]))
    right = np.eye(3, dtype=np.float32) * 0.97 + 0.01
    test = right[data.test.targets]
    test[np.flatnonzero(data.test.targets == 0)[0]] = right[1]
    answers = Answers(right[data.validation.targets], test)
    found = measured(file, data, answers, precision="int8", temperature=1.0)
    num_none = int((data.test.targets == 0).sum())
    assert found.none_recognised == (num_none - 1, num_none)
    assert found.metrics.top1 == 1 - 1 / len(data.test)
    assert (
        f"_none: recognised {100 * (num_none - 1) / num_none:.1f} % of {num_none} _none test images"
        in found.about_probabilities()[-1]
    )


def test_answers_are_those_of_the_file(file, run, data):
    found = measure_file(file, run, data, precision="float32")
    for name in ("validation", "test"):
        answers = predict_file(file, run, getattr(data, name))
        np.testing.assert_allclose(getattr(found.answers, name), answers, atol=1e-6)
    assert with_temperature(found.answers.test, 1).shape == (len(data.test), 3)


@pytest.mark.parametrize(("num_images", "is_said"), [(18, True), (19, False)])
def test_that_sets_of_labels_would_hold_all_is_said_of_few_images(file, num_images, is_said):
    figures = Metrics(num_images=30, top1=1.0, top5=1.0, loss=0.0, ece=0.0)
    calibration = Calibration(num_images, scores=(0.1,) * num_images)
    assert (calibration.least_probability(0.95) == 0) == is_said
    found = MeasuredFile(file, "int8", figures, figures, calibration=calibration, before_temperature={"test": figures})
    said = "coverage=0.95 of the server will give all labels: it takes 19 validation images, not 18"
    assert (said in found.about_probabilities()) == is_said
