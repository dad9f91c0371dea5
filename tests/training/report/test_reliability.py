import numpy as np
import pytest

from models.measuring.metrics import measure
from training.report.reliability import reliability, reliability_plot

PROBABILITIES = np.array([[0.9, 0.1], [0.92, 0.08], [0.6, 0.4], [0.45, 0.55], [1.0, 0.0]])
TARGETS = np.array([0, 1, 0, 0, 0])


def test_bins_have_means_of_what_is_in_them():
    bins = reliability(PROBABILITIES, TARGETS)
    assert bins.num_images.tolist() == [1, 1, 2, 1]
    assert bins.confidence == pytest.approx([0.55, 0.6, 0.91, 1.0])
    assert bins.accuracy.tolist() == [0, 1, 0.5, 1]


def test_the_distances_from_the_line_are_the_calibration_error():
    bins = reliability(PROBABILITIES, TARGETS)
    distance = np.abs(bins.confidence - bins.accuracy) @ bins.num_images / 5
    assert distance == pytest.approx(measure(PROBABILITIES, TARGETS).ece)


def test_the_figure_says_its_points():
    plot = reliability_plot(reliability(PROBABILITIES, TARGETS), name="test")
    assert (
        "how often the test photos&#39; answers are right: 1 at 55%: 0% right; 1 at 60%: 100% right; 2 at 91%" in plot
    )
