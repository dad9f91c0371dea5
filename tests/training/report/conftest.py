from collections.abc import Callable, Sequence

import numpy as np
import pytest

from training.data import encode_png
from training.dataset import Split
from training.report.answered import Answered

LABELS = ("daisy", "rose", "tulip")


def make_answers(
    targets: Sequence[int],
    probabilities: Sequence[Sequence[float]],
    *,
    part: str = "test",
    labels: Sequence[str] = LABELS,
) -> Answered:
    """Photos of 4 x 2 px in folders of their class, each of another grey, with what was answered."""
    names = tuple(f"{part}/{labels[target]}/{index}.png" for index, target in enumerate(targets))
    split = Split(np.array(targets), lambda index: encode_png(np.full((2, 4, 3), index, np.uint8)), names)
    return Answered(part, split, np.array(probabilities, np.float32))


@pytest.fixture
def answers() -> Callable[..., Answered]:
    return make_answers


@pytest.fixture
def six(answers) -> Answered:
    """Two photos a class: the first of each right, the others wrong with 60, 70 and 80 %."""
    rows = [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.1, 0.5, 0.4], [0.7, 0.3, 0], [0, 0.02, 0.98], [0.0, 0.8, 0.2]]
    return answers([0, 0, 1, 1, 2, 2], rows)
