import argparse

import pytest

from optimize.auto_options import Ladder, add_arguments
from optimize.options import take


def parsed(*arguments: str) -> Ladder:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return take(Ladder, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults():
    assert parsed() == Ladder()


def test_options_become_settings():
    found = parsed("--budget-latency", "0.6", "--epochs", "8", "--round-epochs", "2", "--aware-epochs", "3")
    assert found == Ladder(budget_latency=0.6, epochs=8, round_epochs=2, aware_epochs=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget_latency": 0.0}, r"budget_latency must be in \(0, 1\], got 0\.0"),
        ({"budget_latency": 1.1}, r"budget_latency must be in \(0, 1\], got 1\.1"),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"round_epochs": 0}, "round_epochs must be >= 1, got 0"),
        ({"aware_epochs": 0}, "aware_epochs must be >= 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Ladder(**options)
