import argparse

import pytest

from optimize.options import take
from optimize.quantization.aware_options import QuantizationAwareTraining, add_arguments


def parsed(*arguments: str) -> QuantizationAwareTraining:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return take(QuantizationAwareTraining, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults():
    assert parsed() == QuantizationAwareTraining()


def test_options_become_settings():
    found = parsed("--epochs", "2", "--peak-lr", "0.001", "--teacher-weight", "0.9", "--temperature", "2")
    assert found == QuantizationAwareTraining(epochs=2, peak_lr=0.001, teacher_weight=0.9, temperature=2.0)


@pytest.mark.parametrize("name", ["epochs", "num_calibration_images"])
def test_settings_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be >= 1, got 0"):
        QuantizationAwareTraining(**{name: 0})
