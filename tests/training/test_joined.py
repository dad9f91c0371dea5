import shutil

import numpy as np
import pytest
from scenes import jpeg, scene
from toy_data import write_folders

from training.data import load_dataset
from training.dataset import DatasetError, HeldOut, Source


@pytest.fixture
def photos(tmp_path):
    return write_folders(tmp_path / "photos", num_images=24)


@pytest.fixture
def spring(tmp_path):
    return write_folders(tmp_path / "spring", num_images=18, seed=7)


def parts(data):
    return {"train": data.train, "validation": data.validation, "test": data.test}


def in_set(data, part, prefix):
    return [name.removeprefix(prefix) for name in parts(data)[part].names if name.startswith(prefix)]


def test_each_is_split_as_by_itself_and_then_joined(photos, spring):
    joined = load_dataset(spring, HeldOut(), old=photos)
    old, new = load_dataset(photos, HeldOut()), load_dataset(spring, HeldOut())
    for part in ("train", "validation", "test"):
        assert in_set(joined, part, "photos/") == list(parts(old)[part].names)
        assert in_set(joined, part, "spring/") == list(parts(new)[part].names)
        split = parts(joined)[part]
        assert [name.split("/")[1] for name in split.names] == [joined.labels[target] for target in split.targets]
    assert joined.sources == tuple(
        Source(age, data.name, data.sha256, len(data.train), len(data.validation), len(data.test))
        for age, data in (("old", old), ("new", new))
    )
    assert joined.sha256 not in {old.sha256, new.sha256}
    for name, content in zip(joined.test.names, joined.test.encoded(), strict=True):
        assert content == (photos.parent / name).read_bytes()


def test_same_two_in_another_place_are_the_same_data(photos, spring, tmp_path):
    before = load_dataset(spring, HeldOut(), old=photos).sha256
    (tmp_path / "elsewhere").mkdir()
    moved = [path.rename(tmp_path / "elsewhere" / path.name) for path in (photos, spring)]
    assert load_dataset(moved[1], HeldOut(), old=moved[0]).sha256 == before
    assert load_dataset(moved[0], HeldOut(), old=moved[1]).sha256 != before


def test_own_folders_of_sets_stay(tmp_path, spring):
    for part, num_images in (("train", 12), ("validation", 6), ("test", 6)):
        write_folders(tmp_path / "photos" / part, num_images=num_images, seed=num_images + len(part))
    data = load_dataset(spring, HeldOut(), old=tmp_path / "photos")
    for part, num_images in (("train", 12), ("validation", 6), ("test", 6)):
        assert len(in_set(data, part, f"photos/{part}/")) == num_images == len(in_set(data, part, "photos/"))


def test_zip_file_is_joined_with_a_folder(photos, spring, tmp_path):
    packed = tmp_path / shutil.make_archive(str(tmp_path / "packed"), "zip", spring)
    data = load_dataset(packed, HeldOut(), old=photos)
    folder = load_dataset(spring, HeldOut(), old=photos)
    assert data.labels == folder.labels
    assert in_set(data, "test", "packed.zip/") == in_set(folder, "test", "spring/")


def test_picture_that_is_in_both_counts_where_it_was_before(tmp_path):
    """Of one scene the new photos have the bytes, another size and another quality; others are new."""
    for index in range(10):
        for label in ("left", "right"):
            seed = index + 20 * (label == "left")
            for folder, content in (
                ("photos", jpeg(scene(seed))),
                ("spring", jpeg(scene(seed + 100) if index > 3 else scene(seed), 90 if index % 2 else 40)),
            ):
                path = tmp_path / folder / label / f"{index}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    joined = load_dataset(tmp_path / "spring", HeldOut(0.3, 0.3), old=tmp_path / "photos")
    old = load_dataset(tmp_path / "photos", HeldOut(0.3, 0.3))
    used = [name for split in parts(joined).values() for name in split.names]
    assert [name for name in used if name.startswith("spring") and int(name[-5]) < 4] == []
    assert sum(name.startswith("spring") for name in used) == 12
    for part, split in parts(old).items():
        assert in_set(joined, part, "photos/") == list(split.names)
    groups = [set(split.groups) for split in parts(joined).values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    left_out = [(files.kind, files.count) for files in joined.survey.left_out]
    assert left_out == [("new photos that are among the old ones, too", 8)]
    sides = {frozenset(name.split("/")[0] for name in group.names) for group in joined.survey.copies}
    assert sides == {frozenset({"photos", "spring"})}


def test_new_classes_join_the_old_ones(photos, spring):
    (spring / "red").rename(spring / "apple")
    data = load_dataset(spring, HeldOut(), old=photos)
    assert data.labels == ("apple", "blue", "green", "red")
    assert "classes that the old photos have not: apple" in data.survey.notes
    assert in_set(data, "test", "photos/red") == in_set(load_dataset(photos, HeldOut()), "test", "red")
    assert {name.split("/")[1] for name in np.array(data.train.names)[data.train.targets == 0]} == {"apple"}


def test_one_class_of_new_photos_will_do_and_may_be_spelt_otherwise(photos, spring):
    shutil.rmtree(spring / "blue")
    shutil.rmtree(spring / "green")
    (spring / "red").rename(spring / "Red")
    data = load_dataset(spring, HeldOut(), old=photos)
    assert data.labels == ("blue", "green", "red")
    assert "'Red' of spring is taken for 'red'" in data.survey.notes
    assert set(data.train.targets[data.sources[0].num_train :]) == {2}


def nothing_new(photos, spring):
    shutil.rmtree(spring)
    shutil.copytree(photos, spring)


def an_array(photos, spring):
    shutil.rmtree(spring)
    spring.write_bytes(b"")
    spring.rename(spring.with_suffix(".npz"))


def an_old_label(photos, spring):
    shutil.rmtree(spring / "red")
    shutil.copytree(photos / "red", spring / "apple")


@pytest.mark.parametrize(
    ("change", "old", "new", "message"),
    [
        (None, "photos", "photos", "--data and --old are the same photos, photos: give new ones and old ones"),
        (None, "photos", "photos/red", "red lies in photos: move one of them out, so that no photo counts twice"),
        (None, "nowhere", "photos", "no such file or folder: .*nowhere"),
        (an_array, "photos", "spring.npz", "spring.npz cannot be joined: --data and --old must both be folders or zip"),
        (an_array, "spring.npz", "photos", "spring.npz cannot be joined: --data and --old must both be folders or zip"),
        (
            nothing_new,
            "photos",
            "spring",
            "spring has nothing to learn from that photos has not: its photos are copies",
        ),
        (
            an_old_label,
            "photos",
            "spring",
            "all photos to learn apple from are copies of photos that photos has in other",
        ),
        (None, "spring/red", "photos", "red must hold train/<class>/<image> or <class>/<image> with at"),
    ],
)
def test_what_cannot_be_joined_is_refused(photos, spring, change, old, new, message):
    if change:
        change(photos, spring)
    with pytest.raises(DatasetError, match=message):
        load_dataset(photos.parent / new, HeldOut(), old=photos.parent / old)


def test_without_validation_photos_nothing_is_joined(photos, spring):
    with pytest.raises(DatasetError, match="validation_fraction must be more than 0"):
        load_dataset(spring, HeldOut(validation_fraction=0.0), old=photos)
