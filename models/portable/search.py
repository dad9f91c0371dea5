"""Searches for the mistakes with which the reference comes nearest to answers made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from models.portable.faults import IN_FULL, Way
from models.portable.golden import Golden, hash_of
from models.portable.outputs import Order, Values, is_sorted, matched_order, usual_orders
from models.runtime.tensors import Images, Probabilities

Answer = Callable[[Images], Probabilities]

EXACT = 1e-4  # of a distance: the answers are the same but for what is written of them
_NEAR = 0.01  # of a distance: nobody looks for what is nearer still
_NUM_KEPT = 3  # ways from which the search goes on
_MAX_ROUNDS = 5
_NUM_FITTED = 64  # pictures that are fitted once for all that is done to their colors and range
_IS_BETTER = 0.98
_MATCHES = 0.05  # an order that nobody would guess is believed if with it the likely outputs are as near as this
# A fault is taken for none if without it answers are hardly farther away.
_HARDLY_FARTHER, _HARDLY = 1.25, 0.01


@dataclass(frozen=True, slots=True)
class Explanation:
    """Mistakes, and how near the reference comes to the answers with them.

    Attributes:
        distance: total variation, mean over the pictures: 0 to 1.
        way: how the pictures are read.
        order: of the labels.
    """

    distance: float
    way: Way
    order: Order

    @property
    def num_faults(self) -> int:
        """How much is wrong."""
        return self.way.num_faults + bool(self.order.words)

    def faults(self) -> list[tuple[str, str]]:
        """List what is wrong, each with the step at which it is done."""
        order = [("labels", self.order.words)] if self.order.words else []
        reading = [] if order and self.way == Way(IN_FULL) else self.way.faults()
        return [*reading, *order]


class Search:
    """The ways that were tried, with the reference's answers; it answers each picture's pixels once.

    Args:
        golden: the right answers.
        answers: made elsewhere, probabilities [N, C].
        answer: gives the reference's answers to other pixels.
    """

    def __init__(self, golden: Golden, answers: Values, answer: Answer) -> None:
        self._spec, self._names = golden.pixels, [picture.file for picture in golden.pictures]
        self._labels, self._answers, self._answer = golden.labels, answers, answer
        self._orders = usual_orders(golden)
        self._is_sorted = is_sorted(answers)
        self._fitted = lru_cache(_NUM_FITTED)(lambda name, way: way.fitted(name, golden.pixels))
        self._known: dict[str, npt.NDArray[Any]] = {}
        self._tried: dict[Way, Values] = {}
        for picture, probabilities in zip(golden.pictures, golden.probabilities, strict=True):
            self._known[picture.fitted_sha256] = probabilities

    def nearest(self) -> Explanation:
        """Go from the nearest ways to those that differ from them at one point, until none of these is nearer.

        Of what it finds, only faults are kept without which answers are clearly farther away.
        """
        kept, best = [Way(), Way(IN_FULL)], np.inf
        for _ in range(_MAX_ROUNDS):
            for place, way in enumerate(kept):
                for other in (way, *way.neighbours(self._spec, is_wide=place == 0 or best == np.inf)):
                    self._try(other)
            self._look_for_an_order()
            found = self._by_distance()
            if found[0].distance <= _NEAR or found[0].distance > _IS_BETTER * best:
                break
            kept, best = [each.way for each in found[:_NUM_KEPT]], found[0].distance
        return self._simplest(self._by_distance()[0])

    def before_and_after(self, best: Explanation) -> tuple[float, float]:
        """Return the distances without and with mistakes, means over the pictures that these make a difference to."""
        before = self._distances(Way(), self._orders[0])
        after = self._distances(best.way, best.order)
        differs = np.abs(before - after) > EXACT
        return (float(before[differs].mean()), float(after[differs].mean())) if differs.any() else (0.0, 0.0)

    def rivals(self, best: Explanation, *, within: float) -> Iterator[Explanation]:
        """Yield what explains the answers with no more faults, at no more than `within` times the distance."""
        for other in self._by_distance():
            if other.distance > within * best.distance + EXACT:
                break
            if other.num_faults <= best.num_faults and other.faults() != best.faults():
                yield other

    def explain(self, way: Way) -> Explanation:
        """Return a way in the order of labels that is nearest, the right one where that is no farther."""
        distances = [float(self._distances(way, order).mean()) for order in self._orders]
        place = int(np.argmin(distances))
        return Explanation(distances[place], way, self._orders[place])

    def _simplest(self, best: Explanation) -> Explanation:
        """Leave out one fault after the other as long as answers are hardly farther away than with all."""
        left, fewer = best, [best]
        while fewer:
            best = min(fewer, key=lambda each: each.distance)
            candidates = map(self.explain, best.way.without_one_fault())
            fewer = [each for each in candidates if self._is_hardly_farther(each, left)]
        return best

    def _is_hardly_farther(self, fewer: Explanation, best: Explanation) -> bool:
        """Compare distances of the pictures with which it makes a difference, be it one."""
        ours, others = (self._distances(each.way, each.order) for each in (best, fewer))
        differs = np.abs(ours - others) > EXACT
        return bool(others[differs].sum() <= _HARDLY_FARTHER * ours[differs].sum() + _HARDLY * differs.sum())

    def _by_distance(self) -> list[Explanation]:
        return sorted(map(self.explain, self._tried), key=lambda each: (each.distance, each.num_faults))

    def _look_for_an_order(self) -> None:
        """Add an order of labels that nobody would guess, where one of the ways that were tried shows it."""
        if self._is_sorted or any("another order" in order.words for order in self._orders):
            return
        if (nearest := self._by_distance()[0].distance) < _MATCHES:
            return
        at_most = min(_MATCHES, nearest / 2)
        found = [matched_order(self._answers, each, self._labels, at_most=at_most) for each in self._tried.values()]
        self._orders += [order for _, order in sorted(filter(None, found), key=lambda each: each[0])[:1]]

    def _distances(self, way: Way, order: Order) -> Values:
        right = self._try(way)
        right = -np.sort(-right) if self._is_sorted else right[:, order.indices]
        return np.asarray(np.abs(self._answers - right).sum(axis=1) / 2)

    def _try(self, way: Way) -> Values:
        if way not in self._tried:
            pixels = [self._pixels(way, name) for name in self._names]
            keys = [hash_of(each) for each in pixels]
            unknown = {key: each for key, each in zip(keys, pixels, strict=True) if key not in self._known}
            if unknown:
                self._known |= zip(unknown, self._answer(list(unknown.values())), strict=True)
            self._tried[way] = np.stack([self._known[key] for key in keys]).astype(np.float64)
        return self._tried[way]

    def _pixels(self, way: Way, name: str) -> npt.NDArray[np.uint8]:
        here = way.at(name, self._spec)
        pixels: npt.NDArray[np.uint8] = here.changed(self._fitted(name, replace(here, colors="", range="")))
        return pixels
