"""When a canary is promoted, when it is rolled back, and what is said of it."""

from __future__ import annotations

from collections import Counter

import pytest

from models.canary.observed import Observed
from models.canary.verdict import Judge


def observed(num_ok=1000, num_errors=0, *, cats=0.5, mean_s=0.01):
    classes = Counter(cat=round(cats * num_ok), dog=num_ok - round(cats * num_ok))
    return Observed(num_ok, num_errors, classes, num_ok, mean_s * num_ok)


STABLE = observed(9000, 9)


def verdict(canary, stable=STABLE, num_answers=1000):
    return Judge(num_answers, max_slowdown=1.5).verdict(canary, stable)


def test_canary_that_is_no_worse_is_promoted_and_the_figures_are_said():
    told = verdict(observed(999, 1))
    assert told.is_good
    assert told.why == (
        "no worse: 1 of 1,000 answers are errors, 9 of 9,009 of the stable version (p = 0.6511); the mixes of classes "
        "are 0.001 apart (p = 1.0000); a request takes 10.0 ms, 10.0 ms of the stable version"
    )


@pytest.mark.parametrize(
    ("canary", "why"),
    [
        (
            observed(990, 10),
            "more errors: 10 of 1,000 answers are errors, 9 of 9,009 of the stable version (p < 0.0001)",
        ),
        (observed(cats=0.6), "another mix of classes: the mixes of classes are 0.100 apart (p = 0.0001); 0 of 1,000"),
        (
            observed(mean_s=0.0151),
            "slower than 1.5 times: a request takes 15.1 ms, 10.0 ms of the stable version; 0 of",
        ),
    ],
    ids=["errors", "mix", "slow"],
)
def test_canary_that_is_worse_is_rolled_back_and_it_is_said_how(canary, why):
    told = verdict(canary)
    assert not told.is_good
    assert told.why.startswith(why)


def test_change_that_is_sure_but_small_is_none():
    assert verdict(observed(100_000, cats=0.52), observed(100_000)).is_good


@pytest.mark.parametrize("canary", [observed(999), observed(995, 4), observed(900, cats=1), observed(900, mean_s=9)])
def test_nothing_is_decided_before_there_are_enough_answers(canary):
    assert verdict(canary) is None


def test_nothing_is_decided_without_answers_of_the_stable_version():
    assert verdict(observed(2000), observed(99)) is None
    assert verdict(observed(2000), observed(100)).is_good


def test_many_errors_are_seen_early():
    judge = Judge(1600, max_slowdown=1.5)
    assert judge.verdict(observed(79, 20), STABLE) is None  # the first look is at 100
    told = judge.verdict(observed(80, 20), STABLE)
    assert (told.is_good, told.why.split(":")[0]) == (False, "more errors")


def test_early_looks_are_few_and_strict():
    judge = Judge(1600, max_slowdown=1.5)
    assert judge.verdict(observed(98, 2), STABLE) is None  # p is 0.006
    assert judge.verdict(observed(140, 50), STABLE) is None  # no look between 100 and 200
    assert not judge.verdict(observed(150, 50), STABLE).is_good
