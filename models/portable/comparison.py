"""Compares answers to the golden pictures with the golden ones, and says where they part and by what mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from models.portable.faults import IN_FULL
from models.portable.golden import Golden
from models.portable.outputs import Values, as_probabilities, is_sorted, other_temperature
from models.portable.search import EXACT, Answer, Explanation, Search
from models.runtime.tensors import Probabilities

# Largest difference of a probability by the arithmetic of another library. On the three shipped models, int8, LiteRT's
# reference kernels come to 0.04 and OpenVINO to 0.14.
_TOLERANCES = {"int8": 0.15, "uint8": 0.15, "dynamic": 0.1, "float16": 0.01}
_TOLERANCE = 0.01
_ROUNDING = 0.2  # of the tolerance: total variation, mean over the pictures, that the same arithmetic comes to
_EXPLAINS = 0.25  # mistakes explain answers if with them the reference is nearer by this factor
_EXPLAINS_BUT_FOR_ROUNDING = 0.5
_LIKELY = 0.5
# Another mistake is named, too, within this of the nearest, if that is sure or likely.
_AS_NEAR, _HARDLY_FARTHER = 1.1, 1.3
_SAYS_SOMETHING = 0.8


@dataclass(frozen=True, slots=True)
class Comparison:
    """How answers differ from the golden ones.

    Attributes:
        difference: the largest of a probability.
        num_same_label: of the pictures.
        num_pictures: all of them.
        parts_at: "decoding", "fitting", "range", "labels", "probabilities", several of these, or "unknown"; None if
            they agree.
        reason: what is done there, in words; "" if they agree.
    """

    difference: float
    num_same_label: int
    num_pictures: int
    parts_at: str | None = None
    reason: str = ""


def compare(golden: Golden, answers: Probabilities, answer: Answer, *, are_pixels_known: bool = False) -> Comparison:
    """Compare answers with the golden ones.

    Args:
        golden: what the answers should be.
        answers: float [N, C], to its pictures in their order.
        answer: gives the reference's answers to other pixels.
        are_pixels_known: they are the reference's, so that no mistake with them is looked for where answers are near.
    """
    right = golden.probabilities.astype(np.float64)
    difference = float(np.abs(answers - right).max())
    is_near = difference <= _TOLERANCES.get(golden.precision, _TOLERANCE)
    figures = difference, int((answers.argmax(axis=1) == right.argmax(axis=1)).sum()), len(right)
    if difference <= EXACT or (is_near and are_pixels_known):
        return Comparison(*figures)
    words, probabilities = as_probabilities(answers, right)
    outputs = [("probabilities", words)] if words else []
    if is_sorted(probabilities):
        outputs.append(("labels", "probabilities are sorted; give them in the order of the labels"))
    search = Search(golden, probabilities, answer)
    best = search.nearest()
    before = _distance(probabilities, right)
    rounding = _ROUNDING * _TOLERANCES.get(golden.precision, _TOLERANCE)
    temperature, tempered = other_temperature(probabilities, right)
    if (left := _distance(probabilities, tempered)) < best.distance and _explains(left, before, rounding):
        return Comparison(*figures, "probabilities", temperature)
    faults = best.faults() + outputs
    without, left = search.before_and_after(best)
    is_sure = best.distance <= rounding if outputs and not best.faults() else _explains(left, without, rounding)
    is_likely = not is_near and best.distance <= _LIKELY * before
    if faults and (is_sure or is_likely):
        within = _AS_NEAR if is_sure else _HARDLY_FARTHER
        rivals = search.rivals(best, within=within)
        others = [f"; or, hardly farther: {_in_words(rival.faults())}" for rival in islice(rivals, 1)]
        besides = "; JPEGs are decoded in full, too" if best.way.jpeg and IN_FULL not in dict(faults).values() else ""
        doubt = "" if is_sure else f"; likely, though that leaves {best.distance:.2f} of a distance of {before:.2f}"
        steps = ", ".join(dict.fromkeys(step for step, _ in faults))
        return Comparison(*figures, steps, f"{_in_words(faults)}{besides}{doubt}{''.join(others)}")
    if is_near:
        return Comparison(*figures)
    return Comparison(*figures, "unknown", _nearest(best, before))


def _explains(distance: float, before: float, rounding: float) -> bool:
    """Tell if answers are so much nearer that it can hardly be by chance; arithmetic keeps them apart by a little."""
    return distance <= max(_EXPLAINS * before, min(rounding, _EXPLAINS_BUT_FOR_ROUNDING * before))


def _nearest(best: Explanation, before: float) -> str:
    """Say how far the known mistakes come."""
    unknown = "by none of the known mistakes; compare the hashes of the pixels"
    if not best.faults() or best.distance > _SAYS_SOMETHING * before:
        return unknown
    nearest = f"the nearest is that {_in_words(best.faults())}"
    return f"{unknown}; {nearest}, which leaves {best.distance:.2f} of a distance of {before:.2f}"


def _in_words(faults: Sequence[tuple[str, str]]) -> str:
    return ", and ".join(words for _, words in faults)


def _distance(answers: Values, others: Values) -> float:
    """Return the total variation between two answers, mean over the pictures: 0 to 1."""
    return float(np.abs(answers - others).sum(axis=1).mean() / 2)
