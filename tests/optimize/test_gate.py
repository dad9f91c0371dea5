import pytest

from optimize.gate import AccuracyDropTooLarge, accuracy_drop, check_accuracy
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
