import argparse

import pytest

from optimize.channels.options import ChannelPruning
from optimize.fine_tuning_options import add_arguments
from optimize.magnitude.options import MagnitudePruning
from optimize.options import take
from optimize.quantization.aware_options import QuantizationAwareTraining

pytestmark = pytest.mark.parametrize("method", [ChannelPruning, MagnitudePruning, QuantizationAwareTraining])


def parsed(method, *arguments: str):
    parser = argparse.ArgumentParser()
    add_arguments(parser, epochs="4", peak_lr="a fifth of the training's")
    return take(method, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults(method):
    assert parsed(method) == method()


def test_options_become_settings(method):
    found = parsed(method, "--epochs", "2", "--peak-lr", "0.001", "--teacher-weight", "0.25", "--temperature", "3")
    assert found == method(epochs=2, peak_lr=0.001, teacher_weight=0.25, temperature=3.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"teacher_weight": 1.1}, r"weight of the teacher must be in \[0, 1\], got 1\.1"),
        ({"teacher_weight": float("nan")}, r"weight of the teacher must be in \[0, 1\], got nan"),
        ({"temperature": 0}, "temperature must be > 0, got 0"),
        ({"temperature": float("nan")}, "temperature must be > 0, got nan"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused(method, options, message):
    with pytest.raises(ValueError, match=message):
        method(**options)
