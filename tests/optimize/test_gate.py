import numpy as np
import pytest
from tflite_files import Tensor, write

from optimize.cost.rounds import Rounds
from optimize.gate import AccuracyDropTooLarge, NothingGained, accuracy_drop, check_accuracy, check_gain
from training.evaluate import Metrics


def metrics(top1: float) -> Metrics:
    return Metrics(num_images=10_000, top1=top1, top5=1.0, loss=0.3, ece=0.01)


def test_drop_is_in_points():
    assert accuracy_drop(metrics(0.93), metrics(0.925)) == pytest.approx(0.5)


@pytest.mark.parametrize("after", [0.94, 0.93, 0.925])
def test_drop_up_to_the_budget_passes(after):
    check_accuracy(metrics(0.93), metrics(after), max_accuracy_drop=0.5)


def test_larger_drop_is_refused_with_both_figures():
    message = r"fell by 0\.51 points, from 93\.00% to 92\.49%; max_accuracy_drop is 0\.5: not published"
    with pytest.raises(AccuracyDropTooLarge, match=message):
        check_accuracy(metrics(0.93), metrics(0.9249), max_accuracy_drop=0.5)


@pytest.fixture
def files(tmp_path):
    """Files of random weights, of as many with zeros among them, and of many more that are all zeros."""
    weights = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    sparse, long = weights.copy(), np.zeros((64, 8), np.float32)
    sparse[::2] = 0
    contents = {"dense": weights, "sparse": sparse, "long": long}
    return {
        name: write(
            tmp_path / f"{name}.tflite",
            [Tensor((1, 8)), Tensor(kernel.shape, data=kernel), Tensor((1, len(kernel)))],
            [("FULLY_CONNECTED", [0, 1, -1], [2])],
        )
        for name, kernel in contents.items()
    }


def timed(monkeypatch, *ratios: float) -> list[tuple[str, str]]:
    """Have the rounds of time come out so; returns the files that were timed."""
    calls = []

    def latency_ratio(candidate, baseline):
        calls.append((candidate.stem, baseline.stem))
        return Rounds(ratios)

    monkeypatch.setattr("optimize.gate.latency_ratio", latency_ratio)
    return calls


@pytest.mark.parametrize("after", ["sparse", "long"])
def test_fewer_bytes_as_they_are_or_after_gzip_are_a_gain_that_takes_no_time_to_find(files, after, monkeypatch):
    calls = timed(monkeypatch, 1.0)
    check_gain(files["dense"], files[after])
    check_gain(files["long"], files["dense"])  # fewer bytes as they are, more after gzip
    assert calls == []


def test_less_time_is_a_gain_whatever_the_bytes(files, monkeypatch):
    calls = timed(monkeypatch, 0.9, 0.91, 0.92, 0.95, 1.3)
    check_gain(files["sparse"], files["dense"])
    assert calls == [("dense", "sparse")]


def test_neither_bytes_nor_time_is_refused_with_all_of_them(files, monkeypatch):
    timed(monkeypatch, 0.9, 0.95, 1.1, 1.2)
    message = r"^[\d,]+ bytes \([\d,]+ after gzip\) against [\d,]+ \([\d,]+\), and 1\.02 of the time: nothing is gained"
    with pytest.raises(NothingGained, match=message):
        check_gain(files["dense"], files["dense"])
