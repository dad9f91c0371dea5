import io

import pytest

from models.files.file_tree import File, FileTree, parents
from training.class_folders import HIDDEN, IN_NO_CLASS, find_classes
from training.dataset import DatasetError


def tree_of(*paths: str) -> FileTree:
    files = tuple(File(path, io.BytesIO) for path in sorted(paths) if not path.endswith("/"))
    folders = {folder for path in paths for folder in parents(path)}
    return FileTree(files, frozenset(folders))


def found_in(*paths: str):
    found = find_classes(tree_of(*paths), "photos.zip")
    sets = {role: [(file.path, found.labels[target]) for file, target in files] for role, files in found.sets.items()}
    return found, sets


@pytest.mark.parametrize("around", ["", "photos/", "a/b/"])
def test_class_folders_lie_below_what_is_around_them(around):
    found, sets = found_in(f"{around}cat/1.jpg", f"{around}dog/old/2.jpg")
    assert found.labels == ("cat", "dog")
    assert sets == {"train": [(f"{around}cat/1.jpg", "cat"), (f"{around}dog/old/2.jpg", "dog")]}


@pytest.mark.parametrize(
    "train", ["train", "Train", "TRAINING", "training_set", "train data", "training_set/training_set"]
)
@pytest.mark.parametrize("test", ["test", "Testing", "test_set"])
@pytest.mark.parametrize("validation", ["val", "Valid", "validation", "dev"])
def test_sets_go_by_many_names(train, test, validation):
    _, sets = found_in(*(f"{folder}/{label}/1.jpg" for folder in (train, test, validation) for label in ("cat", "dog")))
    assert sets == {
        role: [(f"{folder}/cat/1.jpg", "cat"), (f"{folder}/dog/1.jpg", "dog")]
        for role, folder in (("train", train), ("test", test), ("validation", validation))
    }


def test_what_lies_beside_is_left_out_by_kind():
    found, sets = found_in(
        *("README.md", ".DS_Store", "__MACOSX/._1.jpg", "photos/labels.csv", "photos/train/notes.txt"),
        *("photos/old/cat/3.jpg", "photos/train/cat/1.jpg", "photos/train/dog/2.jpg", "photos/train/dog/Thumbs.db"),
        "_removed/cat/4.jpg",
    )
    assert sets == {"train": [("photos/train/cat/1.jpg", "cat"), ("photos/train/dog/2.jpg", "dog")]}
    assert found.left_out == {
        HIDDEN: [
            ".DS_Store",
            "__MACOSX/._1.jpg",
            "_removed/cat/4.jpg",
            "photos/train/dog/Thumbs.db",
        ],
        IN_NO_CLASS: [
            "README.md",
            "photos/labels.csv",
            "photos/old/cat/3.jpg",
            "photos/train/notes.txt",
        ],
    }


def test_a_test_folder_without_classes_is_not_used():
    found, sets = found_in("train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg")
    assert list(sets) == ["train"]
    assert found.left_out == {IN_NO_CLASS: ["test/1.jpg"]}


def test_an_accent_composed_and_decomposed_is_one_class():
    found, sets = found_in("caf\u00e9/1.jpg", "cafe\u0301/2.jpg", "tea/3.jpg")
    assert found.labels == ("caf\u00e9", "tea")
    assert len(sets["train"]) == 3
    assert found_in("train/caf\u00e9/1.jpg", "train/tea/1.jpg", "test/cafe\u0301/2.jpg")[1]["test"] == [
        ("test/cafe\u0301/2.jpg", "caf\u00e9")
    ]


def test_case_and_blanks_that_tell_classes_apart_are_told():
    found, _ = found_in("Cat/1.jpg", "cat /1.jpg", "dog/1.jpg")
    assert found.labels == ("Cat", "cat ", "dog")
    assert found.notes == [
        "'Cat' is a class of its own: case or blanks tell it from 1 other",
        "'cat ' is a class of its own: case or blanks tell it from 1 other",
    ]
    found, sets = found_in("train/Cat/1.jpg", "train/dog/1.jpg", "test/cat /2.jpg")
    assert sets["test"] == [("test/cat /2.jpg", "Cat")]
    assert found.notes == ["'cat ' in test is taken for 'Cat': they differ in case or blanks only"]


def test_a_class_of_nothing_is_a_class():
    assert found_in("_none/1.jpg", "cat/1.jpg", "dog/1.jpg")[0].labels == ("_none", "cat", "dog")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ["1.jpg", "2.jpg"],
            "photos.zip must hold .* found 0: none; 2 files lie in no class folder .*train or training for train",
        ),
        (["cat/1.jpg"], "with at least two classes, found 1: cat"),
        (["train/1.jpg", "train/2.jpg"], "with at least two classes, found no folder in train"),
        (["a.zip", "b/c.zip"], "it holds an archive, a.zip: unpack it first, and give the folder"),
        (
            ["images/1.jpg", "result.json"],
            "labels in a file, such as result.json, are not read: make a folder for each",
        ),
        (
            ["train2017/1.jpg", "val2017/2.jpg", "annotations/a.json"],
            "train2017 and val2017 must each hold a folder for each class, .* such as annotations/a.json, are not read",
        ),
        (["train/1.jpg", "test/1.jpg"], "test and train must each hold a folder for each class, found none in them"),
        (
            ["test/cat/1.jpg", "val/cat/1.jpg"],
            "photos.zip has no training set, found test, val: folders of sets are called",
        ),
        (["learn/cat/1.jpg", "learn/dog/1.jpg", "test/cat/1.jpg"], "has no training set, found learn, test"),
        (
            ["train/cat/1.jpg", "train/dog/1.jpg", "test/cow/1.jpg"],
            "test has classes that train has not: cow; train has cat",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_was_found(paths, message):
    with pytest.raises(DatasetError, match=message):
        find_classes(tree_of(*paths), "photos.zip")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train2017", "test2017"),
        ("my-train", "my-test"),
        ("Train_A", "test a"),
    ],
)
def test_names_of_sets_may_have_a_word_in_common(train, test):
    _, sets = found_in(f"{train}/cat/1.jpg", f"{train}/dog/2.jpg", f"{test}/cat/3.jpg", "seg_pred/seg_pred/4.jpg")
    assert sets == {
        "train": [(f"{train}/cat/1.jpg", "cat"), (f"{train}/dog/2.jpg", "dog")],
        "test": [(f"{test}/cat/3.jpg", "cat")],
    }


def test_a_train_of_another_kind_is_a_class():
    assert found_in("bullet train/1.jpg", "test stand/1.jpg", "car/1.jpg")[0].labels == (
        "bullet train",
        "car",
        "test stand",
    )


def test_folders_in_classes_that_may_be_the_classes_are_noted():
    found, _ = found_in("animals/cat/1.jpg", "animals/dog/2.jpg", "plants/rose/3.jpg")
    assert found.labels == ("animals", "plants")
    assert found.notes == [
        "folders in a class count to it: animals/cat, animals/dog, plants/rose; if these are the classes, move them up "
        "a level"
    ]
    assert not found_in("cat/a/1.jpg", "cat/b/2.jpg", "dog/a/3.jpg", "dog/4.jpg")[0].notes
    assert not found_in("n01/images/1.jpg", "n02/images/2.jpg")[0].notes
