import pytest

from training.set_names import role_of, roles_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Train", "train"),
        ("training_set", "train"),
        ("val", "validation"),
        ("test images", "test"),
        ("seg_train", None),
    ],
)
def test_a_folder_alone_is_a_set_by_its_name(name, role):
    assert role_of(name) == role


def test_a_word_in_common_tells_sets_that_lie_side_by_side():
    assert roles_of(["seg_train", "seg_test", "seg_pred"]) == {"seg_train": "train", "seg_test": "test"}
    assert roles_of(["train2017", "val2017", "labels"]) == {"train2017": "train", "val2017": "validation"}
    assert roles_of(["bullet train", "test stand", "car"]) == {}
    assert roles_of(["train a", "train b"]) == {}
