"""The end of a network that pools its last feature maps and classifies them by one dense layer.

Of such a network a class activation map is exact: what each place of the picture adds to the logit of a class (Zhou et
al. 2016, "Learning Deep Features for Discriminative Localization").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierHead:
    """The dense layer, and how the feature maps before it are stored.

    Attributes:
        tensor: index of the feature maps in the graph.
        name: of that tensor.
        shape: height, width and channels of the feature maps of one image.
        dtype: that they are stored in, int8 or float32.
        scale, zero_point: what they stand for is scale * (stored - zero_point).
        weights: [C, channels], int8 or float32, a view on the file.
        weight_scales: float32 [C, 1] or [1, 1].
        bias: float32 [C].
        pooled_range: the least and the most that a pooled feature can be, as int8 saturates there.
    """

    tensor: int
    name: str
    shape: tuple[int, int, int]
    dtype: str
    scale: float
    zero_point: int
    weights: npt.NDArray[Any]
    weight_scales: Floats
    bias: Floats
    pooled_range: tuple[float, float] = (-math.inf, math.inf)

    def features(self, stored: npt.NDArray[Any]) -> Floats:
        """Return what stored feature maps of one image stand for: float32 [height, width, channels]."""
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)

    def class_map(self, features: Floats, label: int) -> Floats:
        """Return what each place adds to the logit of a class: its mean is that logit less the bias.

        Args:
            features: float32 [height, width, channels].
            label: index of the class.

        Returns:
            float32 [height, width].
        """
        return self.explained(features, label)[0]

    def explained(self, features: Floats, label: int) -> tuple[Floats, Floats]:
        """Return the map of a class and the embedding, as `class_map` and `embedding` do, in the time of one."""
        scale = self.weight_scales[label if len(self.weight_scales) > 1 else 0]
        weights = self.weights[label].astype(np.float32) * scale
        mean = features.mean(axis=(0, 1), dtype=np.float32)
        saturated = self._saturated(mean)
        kept = np.divide(saturated, mean, out=np.ones_like(mean), where=mean != 0)
        mapped: Floats = features @ (weights * kept)
        return mapped, saturated

    def embedding(self, features: Floats) -> Floats:
        """Return what the dense layer sees of feature maps, their mean over all places: float32 [channels]."""
        return self._saturated(features.mean(axis=(0, 1), dtype=np.float32))

    def _saturated(self, mean: Floats) -> Floats:
        least, most = self.pooled_range
        saturated: Floats = np.clip(mean, np.float32(least), np.float32(most))
        return saturated
