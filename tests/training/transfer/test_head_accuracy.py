import numpy as np
import pytest

from training.config import preset
from training.dataset import Dataset, Split
from training.survey import Survey
from training.transfer.head_accuracy import cross_validated_head

NUM_IMAGES = 30


@pytest.fixture
def features() -> np.ndarray:
    """Noise, float32 [N, D], of which each image's copy has the same."""
    return np.random.default_rng(0).normal(0, 1, (NUM_IMAGES, 200)).astype(np.float32)


def split(groups: np.ndarray) -> Split:
    return Split(np.arange(NUM_IMAGES) % 2, lambda _: b"", groups=groups)


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0, 65), (NUM_IMAGES, 80, 100)])
def test_copies_in_several_sets_are_in_one_fold(tmp_path, features, shift, least, most):
    (tmp_path / "features").mkdir()
    for name in ("train", "test"):
        np.save(tmp_path / "features" / f"{name}.npy", features)
    # What is known to be a copy is never asked of a head that has seen it; what is not known, is.
    train, test = split(np.arange(NUM_IMAGES)), split(np.arange(NUM_IMAGES) + shift)
    data = Dataset("noise", "", ("a", "b"), train, test, test, survey=Survey("noise", {}, "", {}))
    config = preset("photos")
    found = cross_validated_head(None, data, config, num_images=NUM_IMAGES, penalty=0.003, workdir=tmp_path)
    assert found.num_images == 2 * NUM_IMAGES
    assert least <= 100 * found.num_right / found.num_images <= most
