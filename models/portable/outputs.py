"""What programs do to probabilities by mistake: give them as other numbers, or in another order of labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.portable.golden import Golden
from models.runtime.tensors import Probabilities

_SUM_TOLERANCE = 0.02
_SEEN = 0.02  # a label that no picture reaches this probability for cannot be told from others
_TINIEST = 1e-12
_LARGEST_BYTE = 255
_POWERS = np.geomspace(0.3, 3, 60)

Values = npt.NDArray[np.float64]


class Order(NamedTuple):
    """An order of labels.

    Attributes:
        words: what is wrong with it; "" for the right one.
        indices: the label's index for every output.
    """

    words: str
    indices: npt.NDArray[np.intp]


def as_probabilities(answers: Probabilities, right: Values) -> tuple[str, Values]:
    """Tell what the numbers are if no probabilities, and give the probabilities that they stand for."""
    values = answers.astype(np.float64)
    sums = values.sum(axis=1)
    if values.min() >= 0:
        if values.max() > 1 and (values == np.rint(values)).all():
            return "they are quantized, 0..255", values / _LARGEST_BYTE
        if np.abs(sums / 100 - 1).max() <= _SUM_TOLERANCE:
            return "they are percent", values / 100
    if values.min() < 0 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
        return "they are logits: the softmax is missing", softmax(values)
    # Logarithms are then the probabilities, all moved by as much; these add up to 1.
    once = np.log(np.maximum(values, _TINIEST))
    once += (1 - once.sum(axis=1, keepdims=True)) / values.shape[1]
    is_possible = once.min() >= -_SUM_TOLERANCE and once.max() <= 1 + _SUM_TOLERANCE
    if is_possible and np.abs(once - right).sum() < np.abs(values - right).sum():
        return "a softmax is computed once more; it is inside the file", once
    return "", values


def usual_orders(golden: Golden) -> list[Order]:
    """List the right order and those that labels often have elsewhere, each once."""
    labels, indices = golden.labels, np.arange(len(golden.labels))
    by_name = np.array(sorted(indices, key=lambda index: labels[index]), np.intp)
    by_folded = np.array(sorted(indices, key=lambda index: labels[index].casefold()), np.intp)
    orders = [
        Order("", indices),
        Order("labels are in the order of the alphabet", by_name),
        Order("labels are in the order of the alphabet", by_folded),
        Order("labels are in the reverse order", indices[::-1]),
        Order("labels are shifted by one: the first output belongs to the last label", np.roll(indices, 1)),
        Order("labels are shifted by one: the last output belongs to the first label", np.roll(indices, -1)),
    ]
    return list({order.indices.tobytes(): order for order in reversed(orders)}.values())[::-1]


def is_sorted(answers: Values) -> bool:
    """Tell whether each picture's probabilities begin with the largest."""
    return answers.shape[1] > 1 and bool((np.diff(answers) <= 0).all())


def matched_order(
    answers: Values, right: Values, labels: tuple[str, ...], *, at_most: float
) -> tuple[float, Order] | None:
    """Take each output for the label whose probabilities are nearest to its own.

    Returns:
        How far the likely outputs are from those, in total variation, and the order; None if that is more than
        `at_most`, if it is the right order, or if two likely outputs would be one label.
    """
    seen = np.flatnonzero(answers.max(axis=0) >= _SEEN)
    apart = np.abs(answers[:, seen, None] - right[:, None, :])
    found = apart.sum(axis=0).argmin(axis=1)
    distance = float(apart[:, np.arange(len(seen)), found].sum(axis=1).mean() / 2)
    if distance > at_most or len(set(found)) < len(found) or (found == seen).all():
        return None
    nearest = [np.abs(answers[:, [place]] - right).sum(axis=0).argmin() for place in range(len(labels))]
    moved = [
        f"output {place} is {labels[label]!r}, not {labels[place]!r}"
        for place, label in zip(seen, found, strict=True)
        if place != label
    ]
    words = f"they are in another order: {', '.join(moved[:3])}{', ...' if len(moved) > 3 else ''}"
    return distance, Order(words, np.array(nearest, np.intp))


def other_temperature(answers: Values, right: Values) -> tuple[str, Values]:
    """Find the temperature with which the right answers come nearest to others, and what they are with it."""
    logits = np.log(np.maximum(right, _TINIEST))
    power = min(_POWERS, key=lambda power: float(np.abs(answers - softmax(power * logits)).sum()))
    return f"logits are divided by about {1 / power:.2f} times the right temperature", softmax(power * logits)


def softmax(logits: Values) -> Values:
    """Make probabilities of logits, row by row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
