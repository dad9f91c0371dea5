"""Compares answers to the golden pictures with the golden ones, and finds where they part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.portable.faults import Way
from models.portable.golden import Golden
from models.runtime.tensors import Images, Probabilities

Answer = Callable[[Images], Probabilities]

# Largest difference of a probability by the arithmetic of another library. On the three shipped models, int8, LiteRT's
# reference kernels come to 0.04 and OpenVINO to 0.08.
_TOLERANCES = {"int8": 0.15, "uint8": 0.15, "dynamic": 0.1, "float16": 0.01}
_TOLERANCE = 0.01
_EXACT = 1e-4
_CLEARER = 0.5  # a fault explains answers if with it they are nearer by this factor
_WORTH_A_STEP = 0.8
_SEEN = 0.02  # a label that no picture reaches this probability for cannot be told from others
_TINIEST = 1e-12
_POWERS = np.geomspace(0.3, 3, 60)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How answers differ from the golden ones.

    Attributes:
        difference: the largest of a probability.
        num_same_label: of the pictures.
        num_pictures: all of them.
        parts_at: "decoding", "fitting", "range", "labels", "probabilities", or "unknown"; None if they agree.
        reason: what is done there, in words; "" if they agree.
    """

    difference: float
    num_same_label: int
    num_pictures: int
    parts_at: str | None = None
    reason: str = ""


def compare(golden: Golden, answers: Probabilities, answer: Answer) -> Comparison:
    """Compare answers with the golden ones.

    Args:
        golden: what the answers should be.
        answers: float [N, C], to its pictures in their order.
        answer: gives the reference's answers to other pixels.
    """
    right = golden.probabilities
    difference = float(np.abs(answers - right).max())
    num_same_label = int((answers.argmax(axis=1) == right.argmax(axis=1)).sum())
    figures = (difference, num_same_label, len(right))
    if difference <= _EXACT:
        return Comparison(*figures)
    if found := other_numbers(golden, answers) or other_order(golden, answers):
        return Comparison(*figures, *found)
    if faults := other_way(golden, answers, answer):
        steps, words = zip(*faults, strict=True)
        return Comparison(*figures, ", ".join(dict.fromkeys(steps)), ", and ".join(words))
    if difference <= _TOLERANCES.get(golden.precision, _TOLERANCE):
        return Comparison(*figures)
    return Comparison(*figures, "unknown", "by none of the known mistakes; compare the hashes of the pixels")


def other_numbers(golden: Golden, answers: Probabilities) -> tuple[str, str] | None:
    """Tell if the answers are the right ones in other numbers: logits, percent, without the temperature."""
    right, wrong = golden.probabilities.astype(np.float64), answers.astype(np.float64)
    logits = np.log(np.maximum(right, _TINIEST))
    if np.allclose(wrong, 100 * right, atol=0.5):
        return "probabilities", "they are percent"
    if np.allclose(wrong, 255 * right, atol=3):
        return "probabilities", "they are quantized, 0..255"
    if np.allclose(wrong, _softmax(right), atol=1e-3):
        return "probabilities", "a softmax is computed once more; it is inside the file"
    if wrong.min() < 0 and np.allclose(_softmax(wrong), right, atol=_EXACT):
        return "probabilities", "they are logits: the softmax is missing"
    power = min(_POWERS, key=lambda power: float(_distances(answers, _softmax(power * logits)).sum()))
    if abs(power - 1) > 0.05 and _clearly(answers, _softmax(power * logits), right, at_most=0.03):
        return "probabilities", f"logits are divided by about {1 / power:.2f} times the right temperature"
    return None


def other_order(golden: Golden, answers: Probabilities) -> tuple[str, str] | None:
    """Tell if the probabilities are the right ones in another order."""
    right, labels = golden.probabilities, golden.labels
    for words, order in usual_orders(golden):
        if right.shape == answers.shape and _clearly(answers, right[:, order], right):
            return "labels", words
    if np.allclose(np.sort(answers), np.sort(right), atol=_EXACT) and (np.diff(answers) <= 0).all():
        return "labels", "probabilities are sorted; give them in the order of the labels"
    # Each output that is ever likely is the label whose probabilities are nearest.
    seen = np.flatnonzero(answers.max(axis=0) >= _SEEN)
    distances = np.abs(answers[:, seen, None] - right[:, None, :]).max(axis=0)
    nearest = distances.argmin(axis=1)
    if len(set(nearest)) < len(nearest) or distances.min(axis=1).max() > _EXACT or (nearest == seen).all():
        return None
    moved = [(place, found) for place, found in zip(seen, nearest, strict=True) if place != found]
    first = ", ".join(f"output {place} is {labels[found]!r}, not {labels[place]!r}" for place, found in moved[:3])
    return "labels", f"they are in another order: {first}{', ...' if len(moved) > 3 else ''}"


def usual_orders(golden: Golden) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
    """List orders that labels often have elsewhere, each with the label's index for every output."""
    labels, indices = golden.labels, np.arange(len(golden.labels))
    by_name = np.array(sorted(indices, key=lambda index: labels[index]), np.intp)
    by_folded = np.array(sorted(indices, key=lambda index: labels[index].casefold()), np.intp)
    yield "labels are in the order of the alphabet", by_name
    yield "labels are in the order of the alphabet", by_folded
    yield "labels are in the reverse order", indices[::-1]
    yield "labels are shifted by one: the first output belongs to the last label", np.roll(indices, 1)
    yield "labels are shifted by one: the last output belongs to the first label", np.roll(indices, -1)


def other_way(golden: Golden, answers: Probabilities, answer: Answer) -> list[tuple[Any, str]]:
    """Find by which mistakes with the pictures the reference would give these answers; none if by no known ones.

    One mistake after another is added as long as the answers come clearly nearer.
    """
    spec, names = golden.pixels, [picture.file for picture in golden.pictures]
    right = np.stack([Way().pixels(name, spec) for name in names])
    way, before = Way(), _distances(answers, golden.probabilities)
    nearest, is_changed = before, np.zeros(len(names), bool)
    while nearest.max() > _EXACT:
        tried = {}
        for other in way.with_one_more_fault(spec):
            pixels = np.stack([other.pixels(name, spec) for name in names])
            tried[other] = _distances(answers, answer(pixels)), (pixels != right).any(axis=(1, 2, 3))
        other = min(tried, key=lambda each: float(tried[each][0].sum()))
        found, changed = tried[other]
        if not found[changed].sum() < _WORTH_A_STEP * nearest[changed].sum():
            break
        way, nearest, is_changed = other, found, changed
    is_explained = nearest[is_changed].sum() < _CLEARER * before[is_changed].sum()
    return way.faults() if is_explained else []


def _clearly(
    answers: Probabilities, explained: npt.NDArray[Any], right: npt.NDArray[Any], *, at_most: float = 0.1
) -> bool:
    distance = _distances(answers, explained).mean()
    return bool(distance <= min(at_most, _CLEARER * _distances(answers, right).mean()))


def _distances(answers: Probabilities, others: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the total variation between two answers to each picture, 0 to 1 for probabilities."""
    return np.asarray(np.abs(answers.astype(np.float64) - others).sum(axis=1) / 2)


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
