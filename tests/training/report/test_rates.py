import numpy as np

from training.report.rates import Rate, class_rates


def test_rates_of_a_class_are_of_its_row_and_of_its_column():
    cat, dog, none = class_rates(np.array([[14, 1, 0], [6, 4, 0], [0, 0, 0]]), ["cat", "dog", "none"])
    assert (cat.label, cat.recall, cat.precision) == ("cat", Rate(14, 15), Rate(14, 20))
    assert (dog.label, dog.recall, dog.precision) == ("dog", Rate(4, 10), Rate(4, 5))
    assert (none.recall, none.precision) == (Rate(0, 0), Rate(0, 0))


def test_a_rate_has_its_interval():
    assert str(Rate(14, 15)) == "93.3 % (70.2 to 98.8)"
    assert str(Rate(10, 10)) == "100.0 % (72.2 to 100.0)"
    assert str(Rate(0, 0)) == "\N{EN DASH}"
