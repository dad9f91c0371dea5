import numpy as np
import pytest

from models.pixels.spec import PixelSpec
from models.portable.faults import IN_FULL, NOT_TURNED, Way
from models.portable.golden import fitted_pixels
from models.portable.painting import PAINTED

SPEC = PixelSpec(32, 24, crop_fraction=0.875, resample="bicubic")
SQUEEZED = "the whole picture is squeezed in"


def changed_by(way, spec=SPEC):
    return {name for name in PAINTED if not np.array_equal(way.pixels(name, spec), fitted_pixels(name, spec))}


def test_the_right_way_changes_nothing():
    assert changed_by(Way()) == set()


def test_each_fault_makes_other_pixels_of_the_right_size():
    ways = [way for way in Way().neighbours(SPEC) if way != Way()]
    assert len(ways) == len(set(ways))
    for way in ways:
        assert changed_by(way), way
        pixels = way.pixels("landscape.jpg", SPEC)
        assert (pixels.shape, pixels.dtype) == ((32, 24, 3), np.uint8)


def test_a_fault_in_reading_changes_the_pictures_that_it_is_of_alone():
    assert changed_by(Way(orientation=NOT_TURNED)) == {"turned.jpg"}
    for words in ("transparent pixels are put on black", "transparency is dropped, and what it hid is shown"):
        assert changed_by(Way(transparency=words)) == {"alpha.png", "palette.png"}
    jpegs = {name for name in PAINTED if name.endswith(".jpg")}
    assert changed_by(Way(jpeg=IN_FULL)) == jpegs
    assert changed_by(Way(jpeg=IN_FULL), PixelSpec(200, 200)) <= {"landscape.jpg", "progressive.jpg"}


def test_faults_of_every_step_add_up():
    way = Way(IN_FULL, NOT_TURNED, place=SQUEEZED, scale="the nearest pixel is taken")
    assert way.faults() == [("decoding", NOT_TURNED), ("fitting", f"{SQUEEZED} and the nearest pixel is taken")]
    assert way.num_faults == 4
    assert Way(IN_FULL).faults() == [("decoding", IN_FULL)]
    assert {each.num_faults for each in way.without_one_fault()} == {3}


def test_neighbours_change_part_and_filter_together_only_where_they_are_wide():
    way = Way(place=SQUEEZED, range="pixels are inverted")
    both = Way(place="the upper left part is kept", scale="areas are averaged", range="pixels are inverted")
    assert both in set(way.neighbours(SPEC))
    assert both not in set(way.neighbours(SPEC, is_wide=False))
    assert Way(range="pixels are inverted") in set(way.neighbours(SPEC, is_wide=False))


@pytest.mark.parametrize("spec", [PixelSpec(8, 8), PixelSpec(8, 8, fit="stretch"), PixelSpec(8, 8, resample="bicubic")])
def test_what_is_right_is_no_fault(spec):
    for way in Way().neighbours(spec):
        assert (way.place, spec.fit) != (SQUEEZED, "stretch")
        assert way.scale != f"the filter is {spec.resample}"
        assert way.place != "all of the centre is kept" or spec.fit == "stretch"
