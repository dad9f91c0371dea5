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
        features: Floats = np.subtract(stored, np.float32(self.zero_point), dtype=np.float32)
        features *= np.float32(self.scale)
        return features

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
        """Return the map of a class and the embedding, as `class_map` and `embedding` do, in the time of one.

        In few calls of numpy: beside a model that fills the caches, each takes ten times what it takes in a loop.
        """
        scale = self.weight_scales[label if len(self.weight_scales) > 1 else 0]
        weights: Floats = np.multiply(self.weights[label], scale, dtype=np.float32)
        height, width, _ = features.shape
        places = features.reshape(height * width, -1)
        mean = self._mean(places)
        embedding = self._saturated(mean)
        if embedding is not mean:
            weights *= np.divide(embedding, mean, out=np.ones_like(mean), where=mean != 0)
        return (places @ weights).reshape(height, width), embedding

    def embedding(self, features: Floats) -> Floats:
        """Return what the dense layer sees of feature maps, their mean over all places: float32 [channels]."""
        return self._saturated(self._mean(features.reshape(-1, features.shape[2])))

    @staticmethod
    def _mean(places: Floats) -> Floats:
        mean: Floats = np.add.reduce(places, 0)
        mean /= np.float32(len(places))
        return mean

    def _saturated(self, mean: Floats) -> Floats:
        """Return what int8 holds of pooled features; the same array where it holds all of it."""
        least, most = np.float32(self.pooled_range[0]), np.float32(self.pooled_range[1])
        if np.minimum.reduce(mean) >= least and np.maximum.reduce(mean) <= most:
            return mean
        return np.clip(mean, least, most)
