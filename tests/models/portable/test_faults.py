import numpy as np
import pytest

from models.pixels.spec import PixelSpec
from models.portable.faults import Way
from models.portable.golden import fitted_pixels
from models.portable.painting import PAINTED

SPEC = PixelSpec(32, 24, crop_fraction=0.875, resample="bicubic")
NOT_TURNED = "the EXIF orientation is ignored"
SQUEEZED = "the whole picture is squeezed in"


def changed_by(way, spec=SPEC):
    return {name for name in PAINTED if not np.array_equal(way.pixels(name, spec), fitted_pixels(name, spec))}


def test_the_right_way_changes_nothing():
    assert changed_by(Way()) == set()


def test_each_fault_makes_other_pixels_of_the_right_size():
    ways = list(Way().with_one_more_fault(SPEC))
    assert len(ways) == len(set(ways))
    for way in ways:
        assert changed_by(way), way
        pixels = way.pixels("landscape.jpg", SPEC)
        assert (pixels.shape, pixels.dtype) == ((32, 24, 3), np.uint8)


def test_a_fault_in_reading_changes_the_pictures_that_it_is_of():
    jpegs = {name for name in PAINTED if name.endswith(".jpg")}
    spec = PixelSpec(200, 200)  # which JPEGs are not reduced for
    assert changed_by(Way(decoding=NOT_TURNED), spec) - {"gray.jpg"} >= {"turned.jpg"}
    assert changed_by(Way(decoding=NOT_TURNED), spec) <= jpegs
    assert {"alpha.png", "palette.png"} <= changed_by(Way(decoding="transparent pixels are put on black"))


def test_faults_add_up_and_none_is_of_the_same_step_twice():
    way = Way(decoding=NOT_TURNED, place=SQUEEZED)
    assert way.faults() == [("decoding", NOT_TURNED), ("fitting", SQUEEZED)]
    more = list(way.with_one_more_fault(SPEC))
    assert {(other.decoding, other.place) for other in more} == {(NOT_TURNED, SQUEEZED)}
    assert more[0].faults()[1] == ("fitting", f"{SQUEEZED} and {more[0].scale}")


@pytest.mark.parametrize("spec", [PixelSpec(8, 8), PixelSpec(8, 8, fit="stretch"), PixelSpec(8, 8, resample="bicubic")])
def test_what_is_right_is_no_fault(spec):
    for way in Way().with_one_more_fault(spec):
        assert (way.place, spec.fit) != (SQUEEZED, "stretch")
        assert way.scale != f"the filter is {spec.resample}"
        assert way.place != "all of the centre is kept" or spec.fit == "stretch"
