import numpy as np
import pytest
import tensorflow as tf

from training.rows import Rows, drawn_for

SEED = tf.constant([1, 2], tf.int64)


def test_parts_are_all_rows_once():
    seen = [row for index in range(4) for row in range(12)[Rows.part(index, 4, 12).here]]
    assert seen == list(range(12))


def test_a_batch_that_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match="a batch of 10 images cannot be divided by 4"):
        Rows.part(0, 4, 10)


@pytest.mark.parametrize("index", [1, tf.constant(1)])
@pytest.mark.parametrize("shape", [[None, 3], [2, None, 3]])
def test_numbers_of_a_part_are_those_that_the_whole_batch_draws_there(index, shape):
    axis = shape.index(None)
    whole = drawn_for(None, tf.zeros([6, 1]), shape, SEED)
    part = drawn_for(Rows.part(index, 3, 6), tf.zeros([2, 1]), shape, SEED)
    np.testing.assert_array_equal(part, np.take(whole, [2, 3], axis))
