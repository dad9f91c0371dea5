"""Channels are removed for a budget of work or of time."""

import numpy as np
import pytest

from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.plan import BudgetOutOfReach
from optimize.channels.removal import macs_for_latency, macs_of, within_latency, without_least_important
from optimize.cost.rounds import Rounds
from optimize.settings import ChannelPruning

pytestmark = pytest.mark.usefixtures("eager_module")

ARCHITECTURE = ResNetV2.of("8", width=16, num_classes=3)
PRUNING = ChannelPruning(multiple_of=1)
BATCHES = [(np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8), np.arange(8) % 3)]


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE)


@pytest.fixture
def timed(model, monkeypatch):
    """Have a file take as long as a function of its part of the multiply-accumulates says; returns the parts timed."""
    parts = []

    def prepare(time_of):
        def latency_ratio(candidate, baseline):
            parts.append(int(candidate.read_text()) / int(baseline.read_text()))
            return Rounds((time_of(parts[-1]),))

        monkeypatch.setattr("optimize.channels.removal.latency_ratio", latency_ratio)
        return parts

    monkeypatch.setattr(
        "optimize.channels.removal.export_int8", lambda model, path, _: path.write_text(str(macs_of(model)))
    )
    # Importance is another test's matter, and takes seconds for each attempt.
    monkeypatch.setattr(
        "optimize.channels.removal.channel_importance",
        lambda _, groups, __: {group.name: np.ones(group.num_channels) for group in groups},
    )
    return prepare


def test_macs_are_those_of_the_layers(model):
    assert macs_of(model) == pytest.approx(12.5e6, rel=0.01)


def test_what_is_left_keeps_to_the_budget_and_is_not_far_below(model):
    narrower, plan = without_least_important(model, ARCHITECTURE, BATCHES, PRUNING, 0.6 * macs_of(model))
    assert 0.57 < macs_of(narrower) / macs_of(model) <= 0.6
    assert narrower.output_shape == (None, 3)
    assert plan.macs == macs_of(narrower)


@pytest.mark.parametrize("latency", [0.3, 0.9])
def test_largest_network_within_the_budget_of_time_is_found(model, timed, latency):
    timed(lambda part: 0.2 + 0.8 * part)
    found = macs_for_latency(model, ARCHITECTURE, BATCHES, PRUNING, latency)
    exact = (latency - 0.2) / 0.8
    assert exact - 1 / 32 < found <= exact + 0.01


def test_attempt_that_removes_more_than_can_be_is_not_the_end(model, timed):
    timed(lambda part: part)
    within_blocks = ChannelPruning(multiple_of=4, with_streams=False)
    with pytest.raises(BudgetOutOfReach):  # the second attempt, after half was too slow
        without_least_important(model, ARCHITECTURE, BATCHES, within_blocks, 0.25 * macs_of(model))
    found = macs_for_latency(model, ARCHITECTURE, BATCHES, within_blocks, 0.45)
    assert found == pytest.approx(0.45, abs=1 / 32)


def test_time_that_no_network_keeps_to_is_refused(model, timed):
    parts = timed(lambda _: 0.6)
    with pytest.raises(ValueError, match=r"no network was found that takes 0\.5 of the time") as refusal:
        macs_for_latency(model, ARCHITECTURE, BATCHES, PRUNING, 0.5)
    assert str(refusal.value).endswith(f"the smallest tried had {min(parts):.0%} of the MACs")


def test_network_that_takes_longer_than_its_work_promised_is_pruned_on(model, timed):
    parts = timed(lambda part: 1.1 * part)
    macs = macs_of(model)
    found, _ = within_latency(model, ARCHITECTURE, BATCHES, PRUNING, 0.6 * macs, latency=0.6, whole=model)
    assert 0.5 < macs_of(found) / macs <= 0.6 / 1.1
    assert parts == sorted(parts, reverse=True)
    assert len(parts) > 2


def test_time_that_no_network_can_be_pruned_to_ends(model, timed):
    timed(lambda _: 0.7)
    with pytest.raises(BudgetOutOfReach):
        within_latency(model, ARCHITECTURE, BATCHES, PRUNING, 0.1 * macs_of(model), latency=0.5, whole=model)
