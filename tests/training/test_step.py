import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.step import learning_rate

steps = st.tuples(st.integers(0, 50), st.integers(1, 200)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(steps, st.floats(1e-4, 10))
def test_rises_then_falls_and_never_exceeds_the_peak(warmup_and_total, peak):
    warmup_steps, total_steps = warmup_and_total
    rates = [
        learning_rate(s, peak=peak, warmup_steps=warmup_steps, total_steps=total_steps) for s in range(total_steps)
    ]
    assert rates[:warmup_steps] == sorted(rates[:warmup_steps])
    assert rates[warmup_steps:] == sorted(rates[warmup_steps:], reverse=True)
    assert 0 < min(rates) <= max(rates) == rates[warmup_steps] == peak


def test_ends_at_zero():
    assert learning_rate(100, peak=1.0, warmup_steps=10, total_steps=100) == pytest.approx(0, abs=1e-12)


def test_is_half_the_peak_half_way_down():
    assert learning_rate(60, peak=1.0, warmup_steps=20, total_steps=100) == pytest.approx(0.5)


def test_warmup_longer_than_the_training_is_refused():
    with pytest.raises(ValueError, match=r"warmup_steps must be in 0..total_steps \(5\), got 6"):
        learning_rate(0, peak=1.0, warmup_steps=6, total_steps=5)
