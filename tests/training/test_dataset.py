from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from training.dataset import Dataset, DatasetError, HeldOut, Split, three_sets
from training.survey import Survey


def split_of(targets: Sequence[int]) -> Split:
    return Split(np.array(targets), lambda index: b"%d" % index, tuple(f"{index}.png" for index in range(len(targets))))


def test_validation_images_are_drawn_by_class_from_the_training_images():
    whole, test = split_of([0] * 20 + [1] * 10), split_of([0, 1])
    train, validation, same = three_sets(whole, test, HeldOut(validation_fraction=0.2, seed=3))
    assert same is test
    np.testing.assert_array_equal(np.bincount(train.targets), [16, 8])
    np.testing.assert_array_equal(np.bincount(validation.targets), [4, 2])
    assert set(train.encoded()) | set(validation.encoded()) == set(whole.encoded())
    assert [int(Path(name).stem) for name in train.names] == [int(content) for content in train.encoded()]
    again = three_sets(whole, test, HeldOut(validation_fraction=0.2, seed=3))[1]
    other = three_sets(whole, test, HeldOut(validation_fraction=0.2, seed=4))[1]
    assert list(again.encoded()) == list(validation.encoded()) != list(other.encoded())


def test_a_class_keeps_its_last_training_image():
    train, validation, _ = three_sets(split_of([0, 1, 1]), split_of([0]), HeldOut(validation_fraction=0.9))
    assert (train.targets.tolist(), validation.targets.tolist()) == ([0, 1], [1])
    with pytest.raises(DatasetError, match="two different training images"):
        three_sets(split_of([0, 1]), split_of([0]), HeldOut())


def test_runs_of_before_there_were_three_sets_choose_by_the_test_set():
    whole, test = split_of([0, 0, 1]), split_of([0])
    assert three_sets(whole, test, HeldOut(validation_fraction=0.0)) == (whole, test, test)


@pytest.mark.parametrize("label", ["da\nisy", "", "caf\udce9"])
def test_label_that_no_manifest_can_hold_is_to_be_renamed(label):
    message = r"^photos: a label must be .*, got '.*': rename the folder of that class, or in an .npz file the entry"
    with pytest.raises(DatasetError, match=message):
        Dataset("photos", "0", ("tulip", label), *[split_of([0])] * 3, survey=Survey("photos", {}, "", {}))
