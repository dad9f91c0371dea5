import argparse

import pytest

from optimize.channels.options import ChannelPruning, add_arguments
from optimize.options import take


def parsed(*arguments: str) -> ChannelPruning:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return take(ChannelPruning, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults():
    assert parsed() == ChannelPruning()
    assert parsed().with_streams


def test_budget_is_half_the_work_unless_another_is_given():
    assert (ChannelPruning().macs, ChannelPruning().latency) == (0.5, None)
    assert (ChannelPruning(latency=0.6).macs, ChannelPruning(latency=0.6).latency) == (None, 0.6)


def test_options_become_settings():
    found = parsed("--macs", "0.4", "--rounds", "3", "--round-epochs", "2", "--multiple-of", "4", "--keep-streams")
    assert found == ChannelPruning(macs=0.4, rounds=3, round_epochs=2, multiple_of=4, with_streams=False)
    assert parsed("--latency", "0.6") == ChannelPruning(latency=0.6)
    assert parsed("--hint-weight", "0") == ChannelPruning(hint_weight=0.0)
    assert parsed("--small-fraction", "0.6") == ChannelPruning(small_fraction=0.6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"macs": 0.5, "latency": 0.5}, "the budget is of macs or of latency, not of both"),
        ({"macs": 0.0}, r"macs must be in \(0, 1\), got 0\.0"),
        ({"macs": 1.0}, r"macs must be in \(0, 1\), got 1\.0"),
        ({"latency": 1.5}, r"latency must be in \(0, 1\), got 1\.5"),
        ({"rounds": 0}, "rounds must be >= 1, got 0"),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"round_epochs": 0}, "round_epochs must be >= 1, got 0"),
        ({"hint_weight": -1.0}, r"hint_weight must be >= 0, got -1\.0"),
        ({"small_fraction": 1.0}, r"small_fraction must be in \[0, 1\), got 1\.0"),
        ({"multiple_of": 0}, "multiple_of must be >= 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ChannelPruning(**options)
