"""Decides whether a canary is as good as the stable version, by what both did in the same time."""

from __future__ import annotations

from dataclasses import dataclass

from models.canary.observed import Observed
from models.canary.significance import mix_distance, more_errors_p, other_mix_p

LEVEL = 0.01  # of each test at the end: how often a canary that differs in nothing is rolled back for it
EARLY_LEVEL = 0.001  # of each look at errors before that
FIRST_LOOK = 1 / 16  # of the answers; each later look is at twice as many, so that there are four before the end
MIN_DISTANCE = 0.05  # between the mixes of classes; what is nearer is no change that matters, however sure it is
LEAST_TOLD = 0.0001  # of a probability
MIN_STABLE = 100  # answers of the stable version, without which there is nothing to compare with


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a canary is to be promoted, else rolled back, and why."""

    is_good: bool
    why: str


class Judge:
    """Looks at a canary until it is decided.

    Args:
        num_answers: of the canary, errors included, after which it is decided.
        max_slowdown: how many times as long a request may take on average.
    """

    def __init__(self, num_answers: int, *, max_slowdown: float) -> None:
        self._num_answers, self._max_slowdown = num_answers, max_slowdown
        self._next_look = num_answers * FIRST_LOOK

    def verdict(self, canary: Observed, stable: Observed) -> Verdict | None:
        """Decide, or not yet."""
        is_end = canary.num_answers >= self._num_answers and stable.num_answers >= MIN_STABLE
        if not is_end and canary.num_answers < self._next_look:
            return None
        while self._next_look <= canary.num_answers:
            self._next_look *= 2
        errors_p = more_errors_p(
            canary.num_errors,
            canary.num_answers,
            stable_errors=stable.num_errors,
            stable_total=stable.num_answers,
        )
        errors = (
            f"{canary.num_errors} of {canary.num_answers:,} answers are errors, {stable.num_errors} of "
            f"{stable.num_answers:,} of the stable version ({_in_words(errors_p)})"
        )
        if errors_p < (LEVEL if is_end else EARLY_LEVEL):
            return Verdict(False, f"more errors: {errors}")
        return self._at_the_end(canary, stable, errors) if is_end else None

    def _at_the_end(self, canary: Observed, stable: Observed, errors: str) -> Verdict:
        mix_p, distance = other_mix_p(canary.classes, stable.classes), mix_distance(canary.classes, stable.classes)
        mix = f"the mixes of classes are {distance:.3f} apart ({_in_words(mix_p)})"
        if mix_p < LEVEL and distance > MIN_DISTANCE:
            return Verdict(False, f"another mix of classes: {mix}; {errors}")
        times = f"a request takes {1000 * canary.mean_s:.1f} ms, {1000 * stable.mean_s:.1f} ms of the stable version"
        if canary.mean_s > self._max_slowdown * stable.mean_s > 0:
            return Verdict(False, f"slower than {self._max_slowdown:g} times: {times}; {errors}")
        return Verdict(True, f"no worse: {errors}; {mix}; {times}")


def _in_words(p: float) -> str:
    return f"p = {p:.4f}" if p >= LEAST_TOLD else f"p < {LEAST_TOLD}"
