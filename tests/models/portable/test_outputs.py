import numpy as np
import pytest

from models.portable.outputs import as_probabilities, is_sorted, matched_order, softmax

RIGHT = softmax(np.random.default_rng(0).normal(size=(10, 6)) * 3)
LABELS = ("ant", "bee", "cat", "dog", "eel", "fox")


@pytest.mark.parametrize(
    ("change", "words", "atol"),
    [
        (lambda right: right, "", 0),
        (lambda right: 100 * right, "percent", 1e-12),
        (lambda right: np.rint(255 * right), "0..255", 0.003),
        (lambda right: np.log(right), "logits", 1e-9),
        (lambda right: np.log(right) + 50, "logits", 1e-9),
    ],
)
def test_other_numbers_are_told_and_read(change, words, atol):
    found, probabilities = as_probabilities(change(RIGHT), RIGHT)
    assert words in found
    assert bool(found) == bool(words)
    np.testing.assert_allclose(probabilities, RIGHT, atol=atol)


def test_a_softmax_computed_once_more_is_undone():
    found, probabilities = as_probabilities(softmax(RIGHT), RIGHT)
    assert found.startswith("a softmax is computed once more")
    np.testing.assert_allclose(probabilities, RIGHT, atol=1e-9)


def test_probabilities_that_could_be_of_two_softmaxes_are_taken_for_what_is_nearer():
    doubtful = np.array([[0.6, 0.4], [0.45, 0.55]])
    assert as_probabilities(doubtful, doubtful)[0] == ""


def test_any_order_is_found_by_the_probabilities():
    order = [3, 0, 1, 2, 5, 4]
    distance, found = matched_order(RIGHT[:, order], RIGHT, LABELS, at_most=0.1)
    assert (distance, found.indices.tolist()) == (0, order)
    assert found.words == (
        "they are in another order: output 0 is 'dog', not 'ant', output 1 is 'ant', not 'bee', "
        "output 2 is 'bee', not 'cat', ..."
    )


def test_no_order_is_found_where_it_is_right_or_nothing_is_near():
    assert matched_order(RIGHT, RIGHT, LABELS, at_most=0.1) is None
    assert matched_order(RIGHT[::-1], RIGHT, LABELS, at_most=0.1) is None


def test_sorted_answers_are_known():
    assert is_sorted(-np.sort(-RIGHT))
    assert not is_sorted(RIGHT)
