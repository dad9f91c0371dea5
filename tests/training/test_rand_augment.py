import numpy as np
import pytest
import tensorflow as tf

from training import rand_augment as module
from training.rand_augment import rand_augment

pytestmark = pytest.mark.usefixtures("eager")

SEED = tf.constant([3, 5], tf.int64)
RAMP = np.broadcast_to(np.arange(0, 240, 15, dtype=np.uint8)[:, None], (16, 16))  # down
IMAGES = np.stack([RAMP, RAMP.T, np.full((16, 16), 60)], axis=-1).astype(np.uint8)[None].repeat(24, axis=0)


def applied(monkeypatch: pytest.MonkeyPatch, kind: str, magnitude: int = 10) -> np.ndarray:
    """The images after one operation of this kind, in both directions."""
    monkeypatch.setattr(module, "NUM_OPERATIONS", 1)

    class Only(tuple):
        def index(self, name: str) -> int:
            return 0 if name == kind else -1

        def __len__(self) -> int:
            return 1

    monkeypatch.setattr(module, "KINDS", Only((kind,)))
    return rand_augment(tf.constant(IMAGES), magnitude, SEED).numpy().astype(int)


def test_the_seed_alone_decides():
    first, again = (rand_augment(tf.constant(IMAGES), 9, SEED).numpy() for _ in range(2))
    other = rand_augment(tf.constant(IMAGES), 9, tf.constant([3, 6], tf.int64)).numpy()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != IMAGES).any(axis=(1, 2, 3)).mean() > 0.8


def test_identity_changes_nothing(monkeypatch):
    np.testing.assert_array_equal(applied(monkeypatch, "identity"), IMAGES)


def test_a_shift_moves_by_three_tenths_of_the_side_and_leaves_grey(monkeypatch):
    shown = applied(monkeypatch, "translate_y")
    steps = {round((image[8, 8, 0] - int(IMAGES[0, 8, 8, 0])) / 15, 1) for image in shown}
    assert steps == {4.8, -4.8}
    assert (shown[:, [0, -1]] == 128).all(axis=(2, 3)).any(axis=1).all()
    np.testing.assert_allclose(applied(monkeypatch, "translate_x")[:, 8, 8, 0], IMAGES[0, 8, 8, 0])


def test_a_turn_of_thirty_degrees_keeps_the_centre(monkeypatch):
    shown = applied(monkeypatch, "rotate")[:, 7:9, 7:9]
    assert np.abs(shown.mean(axis=(1, 2)) - IMAGES[0, 7:9, 7:9].mean(axis=(0, 1))).max() < 1
    slopes = {int(slope) for slope in (shown[:, 1, 0, 0] - shown[:, 0, 0, 0]).tolist()}
    assert slopes <= {12, 13, 14}  # 15 cos 30° = 13


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("brightness", [6, 114]),
        ("solarize", [195]),
        ("posterize", [48]),
        ("colour", None),
        ("contrast", None),
        ("autocontrast", [0]),
    ],
)
def test_colours_are_changed_and_places_are_not(monkeypatch, kind, allowed):
    shown = applied(monkeypatch, kind)
    if allowed is not None:
        assert set(shown[..., 2].ravel().tolist()) <= set(allowed)
    assert shown.min() >= 0
    assert shown.max() <= 255
    if kind in ("brightness", "contrast"):
        assert (np.diff(shown[:, :, 0, 0], axis=1) >= 0).all()
