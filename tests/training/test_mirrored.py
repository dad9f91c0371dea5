import pytest

from training.mirrored import classes_that_mirroring_may_change


@pytest.mark.parametrize(
    "label", ["left", "turn_left", "TurnRight", "Abbiegen-Links", "gauche", "左转", "letter_b", "text"]
)
def test_sides_and_what_is_read_are_named(label):
    assert classes_that_mirroring_may_change(["daisy", label]) == (label,)


@pytest.mark.parametrize(
    "labels", [["daisy", "tulip"], ["bright", "leftover"], ["copyright"], ["猫", "狗狗"][1:], ["B737"]]
)
def test_other_classes_may_be_mirrored(labels):
    assert classes_that_mirroring_may_change(labels) == ()


def test_digits_and_letters_are_all_named():
    assert classes_that_mirroring_may_change("0123456789") == tuple("0123456789")
