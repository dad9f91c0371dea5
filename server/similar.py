"""The training pictures that a model sees as most like a picture, where its manifest says that they may be shown."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.examples.index import FOLDER, ExampleIndex, Similar
from server.engine.catalogue import ServedModel
from server.explained import require_explainable
from server.request_errors import NoExamples

MAX_SIMILAR = 50
MAX_OPEN = 16  # indexes, which are mapped


class SimilarExamples:
    """Finds them in a repository; any number of threads may use it.

    Args:
        repository: its folder.
    """

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._open = lru_cache(MAX_OPEN)(self._opened)

    def nearest(self, model: ServedModel, embedding: NDArray[np.float32], count: int) -> list[Similar]:
        """Return the training pictures of the nearest features, nearest first; ArtifactError where they are broken."""
        return self._open(model.name, model.version, len(embedding)).nearest(embedding, count)

    def _opened(self, name: str, version: int, num_channels: int) -> ExampleIndex:
        return ExampleIndex(self._repository / name / str(version) / FOLDER, num_channels=num_channels)


def require_examples(model: ServedModel) -> None:
    """Raise NoExamples, with the reason, where a model has none that may be shown."""
    require_explainable(model)
    which = f"model {model.name!r} version {model.version}"
    if model.examples is None:
        raise NoExamples(
            f"{which} was published without training pictures to compare with; `python -m models index {model.name} "
            "--data PHOTOS` publishes a version that has some"
        )
    if not model.examples.may_be_shown:
        raise NoExamples(f"the training pictures of {which} may not be shown: {model.examples.licence}")
