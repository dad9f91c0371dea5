"""What the benchmark of shadows makes of its runs."""

from __future__ import annotations

from benchmarks.shadows import TO_COMPLETION, WITH, WITHOUT, figures_of
from benchmarks.wrk import Load


def load(rate, p99_ms=10.0, **statuses):
    return Load(rate, 5.0, p99_ms, 20.0, {"200": 100, **statuses})


def test_latency_with_a_shadow_is_held_against_that_without_under_full_load():
    loads = {
        (WITH, 16): [load(90, 12.0), load(90, 12.0)],
        (WITHOUT, 16): [load(100), load(100)],
        (TO_COMPLETION, 16): [load(200), load(200)],
    }
    faults, p50, p99, rate, to_completion = figures_of(loads, [16])
    assert (faults.value, faults.is_met) == (0, True)
    assert (p50.value, rate.value, to_completion.value) == (1.0, 0.9, 0.5)
    assert (p99.value, p99.is_met) == (1.2, False)
    assert p50.is_met is None


def test_answer_that_is_none_is_counted():
    loads = {(way, 1): [load(1, **{"500": 2})] for way in (WITH, WITHOUT, TO_COMPLETION)}
    faults, *_ = figures_of(loads, [1])
    assert (faults.value, faults.is_met) == (6, False)
