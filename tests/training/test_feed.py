import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_training import TINY, train, two_layers

from training import feed
from training.distributed.workers import ALONE
from training.feed import calls
from training.history import read_history


@given(st.integers(0, 40), st.integers(0, 60), st.integers(1, 9), st.integers(1, 17))
def test_calls_are_all_steps_in_order_none_beyond_an_epoch(start, num, at_once, per_epoch):
    found = list(calls(range(start, start + num), at_once=at_once, steps_per_epoch=per_epoch))
    assert [step for call in found for step in call] == list(range(start, start + num))
    for call in found:
        assert 1 <= len(call) <= at_once
        assert call.start // per_epoch == (call.stop - 1) // per_epoch


def test_calls_are_as_long_as_they_may_be():
    assert list(calls(range(3, 14), at_once=4, steps_per_epoch=5)) == [
        range(3, 5), range(5, 9), range(9, 10), range(10, 14),
    ]  # fmt: skip


@pytest.mark.slow
def test_many_steps_in_a_call_are_those_of_one_in_a_call_bit_for_bit(tmp_path, monkeypatch):
    results = {}
    for at_once in (1, 3):
        monkeypatch.setattr(feed, "STEPS_ON_CPU", at_once)
        folder = tmp_path / str(at_once)
        folder.mkdir()
        train(folder, TINY, ALONE, two_layers)
        with np.load(folder / "weights.npz") as weights:
            results[at_once] = [weights[name] for name in weights.files]
    one, many = ([record.train_loss for record in read_history(tmp_path / name)] for name in ("1", "3"))
    assert one == many
    for ours, theirs in zip(results[3], results[1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
