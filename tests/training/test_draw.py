import numpy as np
import pytest

from training.draw import draw


def test_a_part_of_each_class_is_drawn_by_the_seed():
    targets = np.array([0] * 20 + [1] * 10)
    drawn, again, other = (draw(targets, np.arange(30), 0.2, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(np.bincount(targets[drawn]), [4, 2])
    np.testing.assert_array_equal(drawn, again)
    assert list(drawn) != list(other)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_drawn_whole_and_in_proportion(seed):
    targets, groups = np.repeat([0, 1], 66), np.repeat(np.arange(44), 3)  # 44 pictures, each three times
    drawn = draw(targets, groups, 0.15, seed)
    assert not set(groups[drawn]) & set(np.delete(groups, drawn))
    np.testing.assert_array_equal(np.bincount(targets[drawn]), [9, 9])


def test_a_group_in_two_classes_stays_together():
    drawn = draw(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 2, 3, 4]), 0.5, 0)
    assert ({2, 3} <= set(drawn)) or not {2, 3} & set(drawn)


def test_a_class_whose_images_are_all_in_others_keeps_one():
    targets, groups = np.array([0, 0, 0, 1]), np.array([5, 6, 7, 5])
    for seed in range(10):
        assert 3 not in draw(targets, groups, 0.4, seed)


def test_a_class_keeps_one_group_and_gives_one_however_large():
    assert list(draw(np.array([0, 0, 0]), np.array([7, 7, 7]), 0.9, 0)) == []
    assert list(draw(np.array([0, 0, 0]), np.array([7, 7, 8]), 0.1, 0)) == [2]
    assert list(draw(np.array([0, 0, 0, 0]), np.array([7, 7, 8, 8]), 0.1, 0)) in ([0, 1], [2, 3])
    assert len(draw(np.array([0, 0, 0]), np.arange(3), 0.99, 0)) == 2


def test_a_class_that_has_one_picture_often_keeps_most_of_its_others():
    targets, groups = np.zeros(100, np.int64), np.array([*range(20), *[20] * 80])
    assert len(draw(targets, groups, 0.15, 0)) == 3
