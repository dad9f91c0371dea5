import numpy as np
import pytest
from scenes import jpeg, scene

from training.dataset import DatasetError, HeldOut, Reading
from training.image_folders import load_image_folders, load_unlabelled


@pytest.fixture
def photos(tmp_path):
    """Two classes of six photos, the last of them a copy of the first, and a text."""
    for label in ("left", "right"):
        for index in range(5):
            seed = index + 10 * (label == "left")
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{index}.jpg").write_bytes(jpeg(scene(seed)))
        (tmp_path / label / "6.jpg").write_bytes(jpeg(scene(seed - 4), 40))
    (tmp_path / "left" / "note").write_text("no image")
    return tmp_path


def test_the_look_has_copies_and_what_to_know(photos):
    data = load_image_folders(photos, HeldOut(0.2, 0.2, 0), Reading())
    assert [(group.names, group.same_bytes) for group in data.survey.copies] == [
        (("left/0.jpg", "left/6.jpg"), False),
        (("right/0.jpg", "right/6.jpg"), False),
    ]
    sides = [set(group.sets) for group in data.survey.copies]
    assert all(len(parts) == 1 for parts in sides)
    assert sum("--set augmentation.flip=false" in line for line in data.survey.lines()) == 1
    groups = [set(part.groups) for part in (data.train, data.validation, data.test)]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_class_of_many_copies_of_one_picture_is_named(tmp_path):
    for index in range(12):
        for label, seed in (("many", index), ("one", 100)):
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{index}.jpg").write_bytes(jpeg(scene(seed)))
    notes = load_image_folders(tmp_path, HeldOut(), Reading()).survey.notes
    assert notes == ("the 12 files of one are copies of 1 picture: add others",)


def test_images_without_classes_are_read_from_any_folder(photos):
    images, left_out = load_unlabelled(photos, Reading())
    assert images.names[:2] == ("left/0.jpg", "left/1.jpg")
    assert (len(images), set(images.targets)) == (12, {-1})
    assert images.read(0) == (photos / "left" / "0.jpg").read_bytes()
    assert left_out == ["left out: 1 file that is no image: left/note"]
    held_out = images.subset(np.array([0, 6]))  # of these, "6.jpg" is a copy of each
    images, left_out = load_unlabelled(photos, Reading(), [held_out])
    assert len(images) == 8
    assert left_out[1] == (
        "left out: 4 further copies of test or validation images: left/0.jpg, left/6.jpg, right/0.jpg, ..."
    )
    with pytest.raises(DatasetError, match="holds no image"):
        load_unlabelled(photos, Reading(max_image_pixels=1))
