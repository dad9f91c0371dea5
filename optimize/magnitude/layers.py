"""Decides how sparse each layer becomes, for a sparsity of all layers together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

STEM, CLASSIFIER = "conv1_conv", "predictions"
MAX_CLASSIFIER_SPARSITY = 0.8


@dataclass(frozen=True, slots=True)
class LayerRule:
    """A sparsity for some layers, whatever the others have.

    Attributes:
        pattern: regular expression that the whole name of a layer must match.
        sparsity: fraction of zeros in the kernel of each of them, in [0, 1).
    """

    pattern: str
    sparsity: float

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"the sparsity of {self.pattern!r} must be in [0, 1), got {self.sparsity}")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is not a regular expression: {error}") from None

    @classmethod
    def parse(cls, text: str) -> LayerRule:
        """Parse a rule such as "conv4_.*=0.9"; raises ValueError."""
        pattern, _, number = text.rpartition("=")
        try:
            sparsity = float(number)
        except ValueError:
            sparsity = -1.0
        if not pattern or sparsity < 0:
            raise ValueError(f"expected PATTERN=SPARSITY, such as 'conv4_.*=0.9', got {text!r}")
        return cls(pattern, sparsity)


def layer_sparsities(num_weights: Mapping[str, int], sparsity: float, rules: Sequence[LayerRule]) -> dict[str, float]:
    """Return the sparsity of each layer's kernel, so that round(sparsity * n) of all n weights are zero.

    Layers that a rule names have its sparsity; all others have one and the same, which follows. Two rules precede those
    of the user, as in the best magnitude pruning of ResNet-50 in arXiv:1902.09574. The stem stays dense: it
    has under 1 % of the weights, and making it sparse costs accuracy out of proportion (arXiv:1911.11134). The
    classifier, too small to matter for the whole, has at most 0.8.

    Args:
        num_weights: of each layer's kernel, by the layer's name.
        sparsity: wanted of all kernels together, in [0, 1).
        rules: by the user; of several that match a layer, the last one counts.

    Raises:
        ValueError: a rule matches no layer, or the wanted sparsity cannot be reached.
    """
    _check_patterns(num_weights, rules)
    defaults = (LayerRule(STEM, 0.0), LayerRule(CLASSIFIER, min(sparsity, MAX_CLASSIFIER_SPARSITY)))
    ruled = _ruled(num_weights, (*defaults, *rules))
    num_zeros = {name: round(part * num_weights[name]) for name, part in ruled.items()}
    shared = {name: num for name, num in num_weights.items() if name not in ruled}
    left = round(sparsity * sum(num_weights.values())) - sum(num_zeros.values())
    rounding = len(ruled)  # a zero more or less for each layer with a sparsity of its own
    if not -rounding <= left <= sum(shared.values()) + rounding:
        raise ValueError(
            f"a sparsity of {sparsity:g} cannot be reached: the layers with a sparsity of their own have "
            f"{sum(num_zeros.values())} zeros, of all {sum(num_weights.values())} weights"
        )
    # In proportion to the weights, rounded so that the sum is exact.
    ends = [round(max(0, left) * end / max(1, sum(shared.values()))) for end in accumulate(shared.values(), initial=0)]
    num_zeros |= {name: end - start for name, (start, end) in zip(shared, pairwise(ends), strict=True)}
    for name, num in num_zeros.items():
        if num >= num_weights[name]:
            raise ValueError(f"a sparsity of {sparsity:g} would leave no weight in {name}, which has {num}")
    return {name: num_zeros[name] / num for name, num in num_weights.items()}


def has_rule(name: str, rules: Iterable[LayerRule]) -> bool:
    """Tell if a layer has a sparsity of its own: the stem, the classifier, or one that a user's rule names."""
    return name in {STEM, CLASSIFIER} or any(re.fullmatch(rule.pattern, name) for rule in rules)


def two_of_four_sparsities(num_inputs: Mapping[str, int], rules: Sequence[LayerRule]) -> dict[str, float]:
    """Return the sparsity of each layer in the 2:4 pattern, two zeros in every four weights: 0.5, or 0.

    The stem stays dense, and so does every layer whose input channels do not come in fours.

    Args:
        num_inputs: input channels of each layer, by the layer's name.
        rules: by the user, with sparsities 0 and 0.5; of several that match a layer, the last one counts.

    Raises:
        ValueError: a rule matches no layer, or has another sparsity.
    """
    _check_patterns(num_inputs, rules)
    for rule in rules:
        if rule.sparsity not in {0, 0.5}:
            raise ValueError(f"in the 2:4 pattern the sparsity of a layer is 0 or 0.5, got {rule.sparsity:g}")
    ruled = _ruled(num_inputs, (LayerRule(STEM, 0.0), *rules))
    return {name: 0.0 if num % 4 else ruled.get(name, 0.5) for name, num in num_inputs.items()}


def _check_patterns(names: Iterable[str], rules: Iterable[LayerRule]) -> None:
    for rule in rules:
        if not any(re.fullmatch(rule.pattern, name) for name in names):
            raise ValueError(f"{rule.pattern!r} matches no layer; there are {', '.join(names)}")


def _ruled(names: Iterable[str], rules: Sequence[LayerRule]) -> dict[str, float]:
    return {name: rule.sparsity for name in names for rule in rules if re.fullmatch(rule.pattern, name)}
