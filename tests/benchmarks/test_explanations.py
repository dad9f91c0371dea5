"""What the benchmark of explanations does to pictures, and how it counts and times."""

from __future__ import annotations

import os
import zipfile
from itertools import count

import numpy as np
import pytest

from benchmarks.deletion import Drops, deleted, drops_of, mean_interval
from benchmarks.explanations import cpu_s, deletion_table, in_rounds, read_photos
from benchmarks.two_objects import pointed_right, side_by_side
from models.explanation.classifier_head import ClassifierHead
from models.pixels.spec import PixelSpec

SPEC = PixelSpec(20, 20)
HEAD = ClassifierHead(
    tensor=0,
    name="pixels",
    shape=(20, 20, 3),
    dtype="float32",
    scale=1.0,
    zero_point=0,
    weights=np.eye(3, dtype=np.float32),
    weight_scales=np.ones((1, 1), np.float32),
    bias=np.zeros(3, np.float32),
)


class MeanColour:
    """The share of each colour; the feature maps are the pixels."""

    def run(self, images):
        self.pixels = np.float32(images)
        means = self.pixels.mean(axis=(1, 2)) + 1
        return means / means.sum(axis=1, keepdims=True)

    def features(self, index):
        return self.pixels[index]


def spot(channel, *, row=4, column=4):
    """Black with a bright square of one colour."""
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[row : row + 6, column : column + 6, channel] = 250
    return pixels


def test_marked_pixels_become_the_mean_or_out_of_focus():
    marked = np.zeros((20, 20), np.bool_)
    marked[:10] = True
    grey, blurred = (deleted(spot(0, row=6), marked, way) for way in ("grey", "blurred"))
    assert (grey[:10] == [22, 0, 0]).all()
    assert 0 < blurred[9, 3, 0] < 250
    for pixels in (grey, blurred):
        np.testing.assert_array_equal(pixels[10:], spot(0, row=6)[10:])


def test_hottest_fifth_is_where_the_label_was_seen():
    lost = drops_of(MeanColour(), HEAD, spot(1), SPEC, np.random.default_rng(0))
    assert lost["grey"].hottest > lost["grey"].anywhere > -0.1


def test_table_compares_photo_by_photo():
    drops = [{"grey": Drops(0.5, 0.1), "blurred": Drops(0.5, 0.6)}, {"grey": Drops(0.3, 0.1), "blurred": Drops(0.3, 0)}]
    assert deletion_table(drops).splitlines()[2:] == [
        "| grey | 0.400 | 0.100 | 0.300 (0.104 to 0.496) | 100% |",
        "| blurred | 0.400 | 0.300 | 0.100 (-0.292 to 0.492) | 50% |",
    ]


def test_mean_has_its_interval():
    assert mean_interval([1, 2, 3]) == pytest.approx((2, 2 - 1.96 / np.sqrt(3), 2 + 1.96 / np.sqrt(3)))


def test_two_pictures_stand_side_by_side():
    joined = side_by_side(np.full((20, 20, 3), 9, np.uint8), np.full((20, 20, 3), 7, np.uint8))
    assert (joined[5:15, :10] == 9).all()
    assert (joined[5:15, 10:] == 7).all()
    assert (joined[:5] == 128).all()


def test_maps_that_point_at_their_own_half_are_counted():
    pictures = [spot(0), spot(1), spot(2)]
    assert pointed_right(MeanColour(), HEAD, pictures, np.random.default_rng(0)) == [True] * 6


def test_every_kind_is_timed_in_every_round_but_the_first():
    ticks, calls = count(), []
    kinds = {"a": [lambda: calls.append("a")] * 2, "b": [lambda: calls.append("b")]}
    times = in_rounds(kinds, 3, lambda: (next(ticks),))
    assert (calls.count("a"), calls.count("b")) == (8, 4)
    np.testing.assert_array_equal(times["a"], [[500]] * 3)
    np.testing.assert_array_equal(times["b"], [[1000]] * 3)


def test_cpu_time_of_a_process_passes():
    before = cpu_s([os.getpid()])
    np.linalg.inv(np.random.default_rng(0).normal(size=(200, 200)))
    assert cpu_s([os.getpid()]) > before


def test_photos_are_those_of_a_folder_always_the_same(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(9):
            archive.writestr(f"a/val/x/{number}.jpg", str(number))
            archive.writestr(f"a/train/x/{number}.jpg", "no")
    photos = read_photos(str(tmp_path / "a.zip"), "/val/", 4)
    assert photos == read_photos(str(tmp_path / "a.zip"), "/val/", 4)
    assert len(set(photos) - {b"no"}) == 4
