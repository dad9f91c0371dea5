from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from optimize.report.label_placement import Box, Name, place

AREA = Box(0, 0, 500, 300)
NAMES = st.lists(
    st.builds(Name, st.floats(0, 500), st.floats(0, 300), st.floats(10, 150), st.just(15.0)), min_size=1, max_size=10
)


def marks_of(names):
    return [Box(name.x - 6, name.y - 6, name.x + 6, name.y + 6) for name in names]


@given(NAMES)
@settings(max_examples=30)
def test_names_cover_neither_each_other_nor_a_point_and_stay_inside(names):
    marks = marks_of(names)
    boxes = place(names, area=AREA, marks=marks, lines=[])
    found = [box for box in boxes if box is not None]
    assert len(boxes) == len(names)
    assert all(AREA.contains(box) for box in found)
    assert not any(one.overlaps(other) for one, other in combinations(found, 2))
    assert not any(box.overlaps(mark) for box in found for mark in marks)


def test_twenty_names_of_points_in_one_heap_all_find_room():
    names = [Name(250 + index, 150 + index % 3, 80, 15) for index in range(20)]
    assert None not in place(names, area=AREA, marks=marks_of(names), lines=[])


def test_a_name_stands_close_to_its_point_and_off_the_lines():
    name = Name(250, 150, 80, 15)
    [free] = place([name], area=AREA, marks=marks_of([name]), lines=[])
    assert free.nearest(250, 150) != (250, 150)
    assert abs(free.nearest(250, 150)[0] - 250) + abs(free.nearest(250, 150)[1] - 150) < 15
    line = Box(250, 150, 500, 150)
    [box] = place([name], area=AREA, marks=marks_of([name]), lines=[line])
    assert not box.overlaps(Box(250, 149, 500, 151))


def test_without_room_there_is_no_box():
    assert place([Name(250, 150, 600, 15)], area=AREA, marks=[], lines=[]) == [None]
