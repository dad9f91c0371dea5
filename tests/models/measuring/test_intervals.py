import numpy as np
import pytest

from models.measuring.intervals import bootstrap, in_points, in_words, paired, what_they_tell


def test_difference_of_the_same_images_has_the_interval_of_agresti_and_min():
    # Of 100 images 3 broken and 12 fixed, and two more, of which one is half broken and half fixed.
    margin = 1.96 * np.sqrt(16 - 81 / 102) / 102
    assert paired(3, 12, 100) == pytest.approx((9 / 102 - margin, 9 / 102 + margin))


def test_no_difference_at_all_is_still_not_known_for_sure():
    assert paired(0, 0, 20) == pytest.approx((-1.96 / 22, 1.96 / 22))
    assert paired(0, 1, 1) == (pytest.approx(1 / 3 - 1.96 * np.sqrt(2 - 1 / 3) / 3), 1)


def test_bootstrap_of_a_mean_is_as_wide_as_the_mean_varies():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(lambda drawn: float(values[drawn].mean()), len(values))
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_accuracy_is_said_with_its_number_of_images_and_interval():
    assert in_words(353, 375) == "94.1 % of 375 test images (91.3 to 96.1)"
    assert in_words(9423, 10_000, "photo") == "94.23 % of 10,000 photos (93.76 to 94.67)"
    assert in_words(1, 1, within=", in 5 folds").startswith("100.0 % of 1 test image, in 5 folds (")
    assert in_words(0, 0) == "not measured: no test images"


def test_difference_is_said_in_points_with_its_interval():
    assert in_points(3, 12, 100) == "+9.0 points (+1.3 to +16.3)"
    assert in_points(0, 0, 20) == "+0.0 points (-8.9 to +8.9)"


def test_few_images_do_not_tell_which_of_two_is_better():
    assert what_they_tell(3, 12, 100) == "it is better"
    assert what_they_tell(12, 3, 100) == "it is worse"
    assert what_they_tell(5, 7, 100) == what_they_tell(0, 0, 20) == "these are too few images to tell which is better"
