import numpy as np
import pytest

from training.report.photos import MAX_MATRIX_CLASSES, MAX_PAIRS, NUM_IN_CELL, Cards

LABELS = ("daisy", "rose", "tulip")


@pytest.fixture
def cards():
    return Cards(LABELS)


def names(found):
    return [card.name for card in found]


def test_a_card_says_what_was_answered_and_proposes_another_class(cards, six):
    right, wrong = cards.card(six, 0), cards.card(six, 1)
    assert (right.name, right.part, right.label) == ("test/daisy/0.png", "test", "daisy")
    assert (right.why, right.proposed) == ("answer: daisy 90 %, rose 10 %", "rose")
    assert (wrong.why, wrong.proposed) == ("answer: rose 60 %, daisy 40 %", "rose")
    assert wrong.style == "photo-test-1"


def test_the_surest_mistakes_come_first(cards, six):
    assert names(cards.worst([six], 2)) == ["test/tulip/5.png", "test/rose/3.png"]


def test_mistakes_of_all_parts_are_ordered_together(cards, six, answers):
    validation = answers([0], [[0.25, 0.75, 0]], part="validation")
    expected = ["test/tulip/5.png", "validation/daisy/0.png", "test/rose/3.png", "test/daisy/1.png"]
    assert names(cards.worst([six, validation], 9)) == expected


def test_the_least_sure_have_two_classes_near_each_other(cards, six):
    assert names(cards.least_sure([six], 2)) == ["test/rose/2.png", "test/daisy/1.png"]


def test_suspects_come_with_the_class_that_they_likely_have(cards, answers):
    rows = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1]]
    found = Cards(("a", "b")).suspects([answers([0, 0, 0, 1, 1, 1], rows, labels=("a", "b"))])
    assert [(card.name, card.proposed) for card in found] == [("test/b/5.png", "a"), ("test/a/2.png", "b")]


def test_cells_are_those_that_have_photos_mistakes_first(cards, six):
    found = cards.cells(six)
    places = [(cell.row, cell.column, cell.count, cell.share) for cell in found]
    assert places == [(0, 1, 1, 0.5), (1, 0, 1, 0.5), (2, 1, 1, 0.5), (0, 0, 1, 0.5), (1, 1, 1, 0.5), (2, 2, 1, 0.5)]
    assert [names(cell.cards) for cell in found[:2]] == [["test/daisy/1.png"], ["test/rose/3.png"]]


def test_a_cell_shows_the_surest_mistakes_and_the_least_sure_of_what_is_right(cards, answers):
    sure = np.linspace(0.6, 0.9, 20)
    rows = [[1 - p, p, 0] for p in sure] + [[0, p, 1 - p] for p in sure]
    wrong, right = cards.cells(answers([0] * 20 + [1] * 20, rows))
    assert (wrong.count, right.count) == (20, 20)
    assert names(wrong.cards) == [f"test/daisy/{19 - number}.png" for number in range(NUM_IN_CELL)]
    assert names(right.cards) == [f"test/rose/{20 + number}.png" for number in range(NUM_IN_CELL // 2)]


def test_of_many_classes_the_most_frequent_mistakes_are_shown(answers):
    num_classes = MAX_MATRIX_CLASSES + 1
    labels = [str(label) for label in range(num_classes)]
    targets = [*range(num_classes), *range(num_classes), 4, *range(num_classes)]
    found = [(target + 1) % num_classes for target in targets[: num_classes + 1]]
    found += [(target + 2) % num_classes for target in targets[num_classes + 1 : -num_classes]] + targets[-num_classes:]
    cells = Cards(tuple(labels)).cells(answers(targets, np.eye(num_classes)[found], labels=labels))
    assert len(cells) == MAX_PAIRS
    assert (cells[0].row, cells[0].column, cells[0].count) == (0, 1, 2)
    assert all(cell.row != cell.column for cell in cells)


@pytest.mark.parametrize(("name", "can_move"), [("a/猫.jpg", True), ("a/\udcff.jpg", False), ("a/\r.jpg", False)])
def test_a_photo_moves_if_a_page_can_hold_its_name(cards, six, name, can_move):
    object.__setattr__(six.split, "names", (name,) * 6)
    assert cards.card(six, 0).can_move == can_move


def test_a_row_of_an_array_has_a_number_and_does_not_move(cards, six):
    object.__setattr__(six.split, "names", ())
    card = cards.card(six, 4)
    assert (card.name, card.can_move) == ("photo 5", False)
