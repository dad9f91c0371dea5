import numpy as np
import pytest

from training.dataset import DatasetError, HeldOut, Split
from training.sets import choose_sets


def images(*rows: tuple[str, int, int]):
    """Images as (set of the folder, class, group); their names are their numbers."""
    given, targets, groups = (np.array(column) for column in zip(*rows, strict=True))
    return Split(targets, lambda index: b"%d" % index, tuple(map(str, range(len(rows)))), groups), given


def names(sets):
    return [list(map(int, part.names)) for part in (sets.train, sets.validation, sets.test)]


def test_given_sets_are_kept():
    given = images(("train", 0, 0), ("train", 1, 1), ("validation", 0, 2), ("test", 1, 3))
    sets = choose_sets(*given, HeldOut())
    assert names(sets) == [[0, 1], [2], [3]]
    assert (sets.held_out, sets.notes) == (None, [])


def test_what_is_measured_or_chosen_by_is_not_learned_from():
    sets = choose_sets(
        *images(
            *(("train", 0, 0), ("train", 0, 1), ("train", 0, 2), ("train", 1, 3)),
            *(("validation", 0, 1), ("validation", 0, 9), ("validation", 1, 4)),
            *(("test", 0, 0), ("test", 1, 9)),
        ),
        HeldOut(),
    )
    assert names(sets) == [[2, 3], [4, 6], [7, 8]]
    assert sets.notes == ["1 of 2 test images are in train, too: what is in train is left out"]


def test_sets_are_drawn_anew_where_a_class_would_have_nothing_to_learn_from():
    rows = [
        (role, target, 10 * target + group) for role in ("train", "test") for target in (0, 1) for group in range(6)
    ]
    sets = choose_sets(*images(*rows), HeldOut(0.34, 0.2, 0))
    assert sets.held_out == HeldOut(0.34, 0.2, 0)
    assert [len(part) for part in (sets.train, sets.validation, sets.test)] == [12, 2, 4]
    assert sets.notes[0] == "12 of 12 test images are in train, too"
    groups = [set(part.groups) for part in (sets.train, sets.validation, sets.test)]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_the_only_folder_beside_train_is_the_test_set():
    sets = choose_sets(*images(*[("train", 0, i) for i in range(5)], ("validation", 0, 9)), HeldOut(0.5, 0.2, 0))
    assert [len(part) for part in (sets.train, sets.validation, sets.test)] == [4, 1, 1]
    assert names(sets)[2] == [5]
    assert sets.held_out is None


def test_all_sets_are_drawn_where_none_is_given():
    sets = choose_sets(*images(*[("train", i % 2, i) for i in range(20)]), HeldOut(0.2, 0.25, 1))
    assert [len(part) for part in (sets.train, sets.validation, sets.test)] == [12, 4, 4]
    assert sorted(index for part in names(sets) for index in part) == list(range(20))
    with pytest.raises(DatasetError, match="no class has two different images"):
        choose_sets(*images(("train", 0, 0), ("train", 1, 1)), HeldOut())


def test_what_is_drawn_twice_counts_once():
    rows = [("train", 0, index // 3) for index in range(30)]
    sets = choose_sets(*images(*rows), HeldOut(0.2, 0.25, 0))
    assert [len(part) for part in (sets.train, sets.validation, sets.test)] == [18, 2, 2]
    assert len({*sets.validation.groups, *sets.test.groups}) == 4
    assert not {*sets.train.groups} & {*sets.validation.groups, *sets.test.groups}


def test_validation_images_are_part_of_the_test_images_where_all_others_were_learned_from_before():
    rows = [("train", i % 2, i) for i in range(20)] + [("test", i % 2, i) for i in range(20, 30)]
    sets = choose_sets(*images(*rows), HeldOut(validation_fraction=0.5, validation_from="test"))
    assert names(sets)[0] == list(range(20))
    assert [len(part) for part in (sets.validation, sets.test)] == [4, 6]  # 2 of each 5
    assert sorted(names(sets)[1] + names(sets)[2]) == list(range(20, 30))
