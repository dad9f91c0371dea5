import argparse

import pytest

from optimize.magnitude.layers import LayerRule
from optimize.magnitude.options import MagnitudePruning, add_arguments
from optimize.options import take


def parsed(*arguments: str) -> MagnitudePruning:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return take(MagnitudePruning, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults():
    assert parsed() == MagnitudePruning()
    assert parsed("--sparsity", "0.8", "--at-once") == MagnitudePruning(sparsity=0.8, at_once=True)


def test_options_become_settings():
    found = parsed(
        *("--sparsity", "0.8", "--layer-sparsity", "conv1_conv=0", "--layer-sparsity", "conv4_.*=0.9"),
        *("--begin", "0.1", "--end", "0.6", "--power", "2"),
    )
    assert found == MagnitudePruning(
        sparsity=0.8, layer_sparsity=("conv1_conv=0", "conv4_.*=0.9"), begin=0.1, end=0.6, power=2.0
    )
    assert found.rules == (LayerRule("conv1_conv", 0), LayerRule("conv4_.*", 0.9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 1.0}, r"sparsity must be in \[0, 1\), got 1\.0"),
        ({"sparsity": -0.1}, r"sparsity must be in \[0, 1\), got -0\.1"),
        ({"pattern": "1:3"}, "pattern must be one of unstructured, 2:4, got '1:3'"),
        ({"begin": 0.7}, r"0 <= begin < end <= 1 must hold, got begin 0\.7 and end 0\.7"),
        ({"end": 1.1}, r"0 <= begin < end <= 1 must hold"),
        ({"power": 0}, "power must be > 0, got 0"),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"layer_sparsity": ["conv1_conv"]}, "expected PATTERN=SPARSITY"),
        ({"pattern": "2:4", "sparsity": 0.8}, r"the 2:4 pattern has a sparsity of 0\.5, got 0\.8"),
        ({"pattern": "2:4", "power": 2.0}, "made in the beginning: begin, end and power say nothing"),
        ({"at_once": True, "end": 0.5}, "made in the beginning: begin, end and power say nothing"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MagnitudePruning(**options)
