import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from toy_data import LABELS, toy_images, write_folders, write_npz

from models.pixels.preprocessing import PixelSpec
from training.data import load_dataset
from training.dataset import DatasetError, HeldOut

SPEC = PixelSpec(height_px=32, width_px=32)


def load(path: Path, *, test_fraction: float = 0.25, seed: int = 0):
    # Without validation images, which have their own tests: all that are not test images are training images.
    return load_dataset(path, HeldOut(test_fraction, 0.0, seed))


def zipped(folder: Path, path: Path, *, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, Path(inside) / file.relative_to(folder))
    return path


def test_npz_pixels_come_back_exactly_through_the_serving_preprocessing(toy_npz):
    data = load(toy_npz)
    expected, targets = toy_images(30, seed=1)
    np.testing.assert_array_equal(data.test.pixels(SPEC), expected)
    np.testing.assert_array_equal(data.test.targets, targets)
    assert data.labels == LABELS
    assert data.test.read(0).startswith(b"\x89PNG")


def test_labels_of_an_npz_may_be_bytes(tmp_path):
    x, y = np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1])
    labels = np.array(["café".encode(), b"dog"])
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y, labels=labels)
    assert load(tmp_path / "data.npz").labels == ("café", "dog")


def test_folder_with_train_and_test(tmp_path):
    write_folders(tmp_path / "train", num_images=12, seed=0)
    write_folders(tmp_path / "test", num_images=6, seed=1)
    data = load(tmp_path)
    assert (data.labels, len(data.train), len(data.test)) == (LABELS, 12, 6)
    np.testing.assert_array_equal(np.bincount(data.train.targets), [4, 4, 4])


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_folder_is_the_test_set_where_there_is_no_other(tmp_path, name):
    write_folders(tmp_path / "train", num_images=12, seed=0)
    write_folders(tmp_path / name, num_images=6, seed=1)
    data = load(tmp_path)
    assert (data.labels, len(data.train), len(data.test)) == (LABELS, 12, 6)
    assert "the one folder beside train is the test set" in data.survey.notes[0]
    write_folders(tmp_path / "test", num_images=3, seed=2)
    data = load(tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 6, 3)


def test_a_class_may_be_called_train(tmp_path):
    (write_folders(tmp_path) / "red").rename(tmp_path / "train")
    assert load(tmp_path).labels == ("blue", "green", "train")


@pytest.mark.parametrize("name", ["test", "valid"])
def test_train_and_test_of_images_alone_are_no_classes(tmp_path, name):
    (write_folders(tmp_path) / "red").rename(tmp_path / "train")
    (tmp_path / "blue").rename(tmp_path / name)
    with pytest.raises(DatasetError, match="must each hold a folder for each class, found none in them"):
        load(tmp_path)


def test_folder_without_test_is_split_by_class_and_seed(tmp_path):
    write_folders(tmp_path, num_images=24)
    data, again, other = load(tmp_path), load(tmp_path), load(tmp_path, seed=1)
    assert (len(data.train), len(data.test)) == (18, 6)
    np.testing.assert_array_equal(np.bincount(data.test.targets), [2, 2, 2])
    assert list(data.test.encoded()) == list(again.test.encoded())
    assert list(data.test.encoded()) != list(other.test.encoded())
    assert not set(data.train.encoded()) & set(data.test.encoded())
    assert data.sha256 == other.sha256


def test_a_class_of_one_image_learns_from_it_and_is_not_measured(tmp_path):
    (write_folders(tmp_path) / "purple").mkdir()
    (tmp_path / "red" / "2.png").rename(tmp_path / "purple" / "2.png")
    data = load(tmp_path)
    assert dict(data.survey.counts["purple"]) == {"train": 1, "validation": 0, "test": 0}
    assert "  note: purple has no test image and is not measured" in data.survey.lines()


def test_a_class_of_few_images_has_one_to_test_on(tmp_path):
    data = load(write_folders(tmp_path, num_images=12), test_fraction=0.1)
    np.testing.assert_array_equal(np.bincount(data.test.targets), [1, 1, 1])


@pytest.mark.parametrize("inside", ["", "photos", "photos/train"])
def test_zip_file_is_read_like_its_folder(tmp_path, inside):
    folder = write_folders(tmp_path / "folder", num_images=24)
    data, plain = load(zipped(folder, tmp_path / "photos.zip", inside=inside)), load(folder)
    assert list(data.test.encoded()) == list(plain.test.encoded())
    assert list(data.train.encoded()) == list(plain.train.encoded())


@pytest.mark.parametrize("inside", ["", "photos/train/"])
def test_images_know_their_paths_in_the_folder_or_zip_file(tmp_path, inside):
    folder = write_folders(tmp_path / "folder" / inside, num_images=12)
    for data in (load(zipped(folder, tmp_path / "photos.zip", inside=inside)), load(tmp_path / "folder")):
        names = (*data.train.names, *data.test.names)
        assert set(names) == {f"{inside}{file.relative_to(folder)}" for file in folder.rglob("*.png")}
        assert data.test.read(0) == (tmp_path / "folder" / data.test.names[0]).read_bytes()


def test_what_a_system_adds_to_an_archive_is_no_class(tmp_path):
    path = zipped(write_folders(tmp_path / "folder", num_images=24), tmp_path / "photos.zip")
    plain = load(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/red/._2.png", b"resources")
        archive.writestr("red/._2.png", b"resources")
    data = load(path)
    assert data.labels == LABELS
    assert list(data.train.encoded()) == list(plain.train.encoded())


def left_out(data):
    """Of each kind, the number of files, their first names, and what is wrong with the first."""
    return {files.kind: (files.count, files.names, files.reason) for files in data.survey.left_out}


def test_what_is_no_image_or_a_broken_one_is_left_out_and_named(tmp_path):
    write_folders(tmp_path, num_images=12)
    whole = (tmp_path / "red" / "2.png").read_bytes()
    (tmp_path / "red" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "red" / "empty.jpg").touch()
    (tmp_path / "red" / "movie.jpg").write_bytes(b"\x1a\x45\xdf\xa3")
    (tmp_path / "red" / "notes.txt").write_text("not even by its name")
    (tmp_path / "red" / "Thumbs.db").write_text("of a system")
    (tmp_path / "README.md").write_text("beside the classes")
    data = load(tmp_path)
    assert len(data.train) + len(data.test) == 12
    assert left_out(data) == {
        "broken image": (1, ("red/broken.png",), "the PNG image is truncated and cannot be decoded"),
        "empty file": (1, ("red/empty.jpg",), ""),
        "file of a kind that is not read": (1, ("red/movie.jpg",), "a video"),
        "file that is no image": (1, ("red/notes.txt",), ""),
        "file hidden, removed or made by a system": (1, ("red/Thumbs.db",), ""),
        "file in no class folder": (1, ("README.md",), ""),
    }


def test_a_link_that_leads_nowhere_is_left_out_and_named(tmp_path):
    write_folders(tmp_path, num_images=12)
    (tmp_path / "red" / "moved.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "red" / "pipe.png")
    data = load(tmp_path)
    assert len(data.train) + len(data.test) == 12
    (count, names, reason) = left_out(data)["files that cannot be read"]
    assert (count, names) == (2, ("red/moved.png", "red/pipe.png"))
    assert reason == "No such file or directory"


def test_a_damaged_entry_of_a_zip_file_is_left_out_and_named(tmp_path):
    path = zipped(write_folders(tmp_path / "folder", num_images=12), tmp_path / "photos.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("red/damaged.png", b"\x89PNG\r\n\x1a\nstored as it is")
    path.write_bytes(path.read_bytes().replace(b"stored as it is", b"stored as it IS"))
    data = load(path)
    assert len(data.train) + len(data.test) == 12
    count, names, reason = left_out(data)["file that cannot be read"]
    assert (count, names) == (1, ("red/damaged.png",))
    assert reason.startswith("Bad CRC-32")


def test_an_entry_with_a_damaged_name_is_left_out_and_named(tmp_path):
    path = zipped(write_folders(tmp_path / "folder", num_images=12), tmp_path / "photos.zip")
    path.write_bytes(path.read_bytes().replace(b"red/2.png", b"red/\xff.png", 1))  # in front of it, not in the list
    data = load(path)
    assert len(data.train) + len(data.test) == 11
    assert left_out(data)["file that cannot be read"][:2] == (1, ("red/2.png",))


def test_an_image_may_have_any_name(tmp_path):
    write_folders(tmp_path, num_images=12)
    before = load(tmp_path)
    (tmp_path / "red" / "2.png").rename(tmp_path / "red" / os.fsdecode(b"caf\xe9.png"))
    data = load(tmp_path)
    assert len(data.train) == len(before.train)
    assert data.sha256 != before.sha256


def test_a_folder_whose_name_is_not_utf_8_is_read_as_it_was_meant(tmp_path):
    folder = write_folders(tmp_path / os.fsdecode(b"\xe9t\xe9"))
    (folder / "red").rename(folder / os.fsdecode(b"caf\xe9"))
    data = load(folder)
    assert data.name == r"\udce9t\udce9"
    assert data.labels == ("blue", "café", "green")
    assert data.survey.notes == (
        "names of folders that are not UTF-8 are read as cp1252: rename them if that is wrong",
    )


def test_a_changed_image_changes_the_digest_of_a_folder(tmp_path):
    write_folders(tmp_path, num_images=12)
    before = load(tmp_path).sha256
    image = next((tmp_path / "red").iterdir())
    image.write_bytes(next((tmp_path / "blue").iterdir()).read_bytes())
    assert load(tmp_path).sha256 != before


def test_folders_without_an_image_are_no_classes(tmp_path):
    write_folders(tmp_path, num_images=12)
    plain = load(tmp_path)
    (tmp_path / "New folder").mkdir()
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.json").write_text("{}")
    (tmp_path / "annotations" / "a.xml").write_text("<?xml version='1.0'?>")
    data = load(tmp_path)
    assert data.labels == LABELS
    assert data.train.targets.tolist() == plain.train.targets.tolist()
    assert data.survey.notes[-1] == "no class, as there is no image in it: New folder, annotations"


def test_a_link_into_itself_is_left_out_and_named(tmp_path):
    write_folders(tmp_path, num_images=12)
    (tmp_path / "red" / "loop").symlink_to(tmp_path)
    data = load(tmp_path)
    assert left_out(data) == {
        "file that cannot be read": (1, ("red/loop",), "it is a link to a folder that it lies in")
    }


@pytest.mark.slow
def test_flowers_zip_is_a_data_set(shared_data):
    data = load(shared_data / "flowers.zip")
    assert (len(data.labels), len(data.train), len(data.test)) == (5, 2123, 375)  # two are in both


def test_npz_is_known_by_its_bytes(tmp_path):
    first, second = write_npz(tmp_path / "a.npz"), write_npz(tmp_path / "b.npz", num_test=27)
    assert load(first).sha256 != load(second).sha256


def test_an_npz_may_have_validation_images_of_its_own(tmp_path):
    x, y = toy_images(6, seed=0)
    sets = {
        f"{name}_{part}": values for part in ("train", "validation", "test") for name, values in (("x", x), ("y", y))
    }
    np.savez(tmp_path / "data.npz", **sets | {"x_validation": x[:3], "y_validation": y[:3]}, labels=np.array(LABELS))
    data = load_dataset(tmp_path / "data.npz", HeldOut())
    assert (len(data.train), len(data.validation), len(data.test)) == (6, 3, 6)
