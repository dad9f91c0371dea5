"""Runtimes are timed in turns, so that what the machine does meets all alike."""

from __future__ import annotations

import numpy as np
import pytest
from clock import Clock
from tried_runtimes import Answering

from models.runtime_choice.timing import MIN_ROUNDS, Loaded, Timing, time_in_rounds

IMAGES = np.zeros((10, 2, 2, 3), np.uint8)


def loaded(clock, lone_s, own_s, num_cores=1):
    lone = Answering(clock=clock, took_s=lone_s)
    return Loaded(lone, [Answering(clock=clock, took_s=own_s) for _ in range(num_cores)], clock=clock)


def test_rounds_have_the_seconds_of_an_image():
    clock = Clock(0.0)
    runtimes = {"slow": loaded(clock, 0.04, 0.08), "fast": loaded(clock, 0.01, 0.02)}
    timings = time_in_rounds(runtimes, IMAGES, timed_s=1.0, clock=clock)
    assert timings["slow"].lone_s == pytest.approx([0.04] * len(timings["slow"].lone_s))
    assert timings["fast"].side_by_side_s == pytest.approx([0.02] * len(timings["fast"].lone_s))
    assert timings["fast"].speeds(timings["slow"]) == pytest.approx([4.0] * len(timings["fast"].lone_s))
    assert 1.0 <= clock.now < 1.6


def test_images_side_by_side_share_the_time():
    clock = Clock(0.0)
    both = loaded(clock, 0.01, 0.03, num_cores=2)  # the clock adds up what runs at the same time
    assert both.side_by_side_s(IMAGES, num_calls=3) == pytest.approx(0.03)
    both.close()


def test_slow_models_get_the_fewest_rounds_that_tell_something():
    clock = Clock(0.0)
    timings = time_in_rounds({"only": loaded(clock, 5.0, 5.0)}, IMAGES, timed_s=1.0, clock=clock)
    assert len(timings["only"].lone_s) == MIN_ROUNDS


def test_speed_is_the_geometric_mean_of_both_quantities_round_by_round():
    baseline = Timing((1.0, 2.0), (1.0, 2.0))
    assert Timing((0.5, 1.0), (2.0, 1.0)).speeds(baseline) == pytest.approx([1.0, 2.0])


def test_failure_of_a_thread_is_not_hidden():
    class Failing(Answering):
        def run(self, _images):
            raise RuntimeError("unlucky")

    failing = Loaded(Answering(), [Failing()])
    with pytest.raises(RuntimeError, match="unlucky"):
        failing.side_by_side_s(IMAGES, 1)
    failing.close()


def test_closing_frees_every_copy():
    own, lone = [Answering(), Answering()], Answering()
    Loaded(lone, own).close()
    assert [runtime.num_closed for runtime in (lone, *own)] == [1, 1, 1]
