"""Which part of a picture is taken, and how far a JPEG may shrink in decoding."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pixels.fitting import jpeg_reduction, source_box
from models.pixels.spec import PixelSpec

SIDES = st.integers(1, 5000)
TARGETS = st.tuples(st.integers(1, 4096), st.integers(1, 4096))


@settings(deadline=None)
@given(st.tuples(SIDES, SIDES), TARGETS, st.floats(0.001, 1))
def test_box_lies_within_the_picture_and_has_the_shape_of_the_target(
    size: tuple[int, int], target: tuple[int, int], fraction: float
) -> None:
    box = source_box(size, target, PixelSpec(target[1], target[0], crop_fraction=fraction))
    assert 0 <= box.left < box.right <= size[0]
    assert 0 <= box.top < box.bottom <= size[1]
    scale = (box.right - box.left) / target[0]
    assert scale == pytest.approx((box.bottom - box.top) / target[1], rel=1e-6)
    assert scale == pytest.approx(fraction * min(size[0] / target[0], size[1] / target[1]), rel=1e-6)
    assert box.left == pytest.approx(size[0] - box.right, abs=1e-6)


@settings(deadline=None)
@given(st.tuples(SIDES, SIDES), TARGETS, st.sampled_from(["crop", "stretch"]))
def test_reduced_picture_covers_the_target(size: tuple[int, int], target: tuple[int, int], fit: Any) -> None:
    box = source_box(size, target, PixelSpec(target[1], target[0], fit))
    reduction = jpeg_reduction(box, target)
    assert reduction in (1, 2, 4, 8)
    if reduction > 1:
        assert (box.right - box.left) / reduction >= target[0]
        assert (box.bottom - box.top) / reduction >= target[1]
