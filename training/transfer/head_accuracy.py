"""How good a head is on all photos there are, where the test photos are too few to tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tf_keras as keras

from training.config import TrainingConfig
from training.cross_validation import FEW_TEST_IMAGES, CrossValidation, cross_validate
from training.dataset import Dataset, Targets
from training.transfer.features import features_of
from training.transfer.fine_tuning import drawn_for_head
from training.transfer.head import Features, Logits, fit_head


def cross_validated_head(
    model: keras.Model, data: Dataset, config: TrainingConfig, *, num_images: int, penalty: float, workdir: Path
) -> CrossValidation | None:
    """Cross-validate the head on the features of all three sets; None where the test images are enough.

    Args:
        model: from normalized pixels to logits, whose features the head was fitted to.
        data: the images.
        config: the settings.
        num_images: training images that the head has learned from.
        penalty: that was chosen for the head.
        workdir: the run's folder, which keeps the features.
    """
    if len(data.test) >= FEW_TEST_IMAGES:
        return None
    train = data.train.subset(drawn_for_head(data, config, num_images))
    sets = {"train": train, "test": data.test} | ({"validation": data.validation} if data.has_validation else {})
    features = [
        features_of(model, split, config.pixels, workdir / "features" / f"{name}.npy") for name, split in sets.items()
    ]
    has_groups = all(len(split.groups) == len(split) for split in sets.values())
    targets = np.concatenate([split.targets for split in sets.values()])
    groups = np.concatenate([split.groups for split in sets.values()]) if has_groups else np.arange(len(targets))

    def fit(some: Features, of_some: Targets) -> Callable[[Features], Logits]:
        none = some[:0], of_some[:0]
        head = fit_head(some, of_some, num_classes=len(data.labels), validation=none, penalties=(penalty,))
        return head.logits

    return cross_validate(np.concatenate(features), targets, groups, fit, seed=config.seed)
