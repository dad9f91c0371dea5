import json

import numpy as np

from training.survey import CopyGroup, Kind, LeftOut, Survey, count_labels, size_range

EMPTY = Kind("empty file", "empty files")


def survey(counts, **values) -> Survey:
    return Survey("photos.zip", counts, "each set has a folder", {}, **values)


def counts_of(**classes: tuple[int, int, int]):
    return {label: dict(zip(("train", "validation", "test"), row, strict=True)) for label, row in classes.items()}


def test_lines_begin_with_classes_and_counts_the_rarest_last():
    look = survey(counts_of(cat=(20, 10, 4), dog=(80, 9, 10)))
    assert list(look.lines()) == [
        "photos.zip: 2 classes, 100 training, 19 validation and 14 test images; each set has a folder",
        "  dog: 80 training + 9 validation + 10 test",
        "  cat: 20 + 10 + 4",
        "  imbalance: dog has 4.0 times the training images of cat",
    ]


def test_many_classes_are_shortened_to_the_ends():
    counts = counts_of(**{f"class{index:02}": (100 - index, 1, 1) for index in range(30)})
    lines = list(survey(counts).lines())
    assert lines[10:12] == ["  class09: 91 + 1 + 1", "  ... 10 more classes"]
    assert (len(lines), lines[-1]) == (22, "  class29: 71 + 1 + 1")


def test_what_is_lacking_is_said():
    lines = list(survey(counts_of(cat=(20, 18, 2), dog=(9, 0, 0))).lines())
    assert lines[-4:] == [
        "  note: dog has no test image and is not measured",
        "  note: dog has no validation image and has no say in what is chosen",
        "  note: coverage=0.95 of the server will give all labels: it takes 19 validation images, not 18",
        "  note: few images to learn from: dog (9)",
    ]


def test_what_is_left_out_has_a_line_a_kind():
    paths = [f"cat/{index}.heic" for index in range(9)]
    files = LeftOut.of(Kind("HEIC image", "HEIC images"), paths, "install pillow-heif")
    assert files == LeftOut("HEIC images", 9, tuple(paths[:5]), "install pillow-heif")
    assert str(files) == "9 HEIC images (install pillow-heif): cat/0.heic, cat/1.heic, cat/2.heic, ..."
    assert (
        "  left out: 1 empty file: a.png"
        in survey(counts_of(cat=(20, 2, 2)), left_out=(LeftOut.of(EMPTY, ["a.png"]),)).lines()
    )


def test_copies_are_summed_up_and_those_in_two_classes_listed():
    copies = (
        CopyGroup(("a/1.jpg", "a/2.jpg"), ("a", "a"), ("train", "train"), same_bytes=True),
        CopyGroup(("a/3.jpg", "b/4.jpg"), ("a", "b"), ("test", "test"), same_bytes=False),
    )
    lines = list(survey(counts_of(a=(20, 10, 2), b=(20, 10, 2)), copies=copies).lines())
    assert lines[-2:] == [
        "  copies: 4 images in 2 groups, 1 of the same bytes and 1 nearly so; each group is kept on one side of the "
        "split: a/1.jpg = a/2.jpg, a/3.jpg = b/4.jpg",
        "  in a and b at once, if they show the same, one label is wrong: a/3.jpg = b/4.jpg",
    ]


def test_one_of_a_kind_is_told_in_the_singular():
    copies = (CopyGroup(("a/1.jpg", "a/2.jpg"), ("a", "a"), ("train", "train"), same_bytes=True),)
    lines = list(survey(counts_of(a=(20, 2, 1), b=(20, 2, 0)), copies=copies).lines())
    assert lines[0].startswith("photos.zip: 2 classes, 40 training, 4 validation and 1 test image; ")
    assert any(
        line.startswith("  copies: 2 images in 1 group, 1 of the same bytes and 0 nearly so; ") for line in lines
    )


def test_names_that_a_terminal_cannot_show_are_escaped():
    look = survey(counts_of(cat=(20, 20, 2)), left_out=(LeftOut.of(EMPTY, ["a\nb/caf\udce9/👨‍👩‍👧.png"]),))
    assert list(look.lines())[-1] == r"  left out: 1 empty file: a\nb/caf\udce9/👨‍👩‍👧.png"


def test_json_form_has_everything():
    copies = (CopyGroup(("a/1.jpg", "a/2.jpg"), ("a", "a"), ("train", "left out"), same_bytes=True),)
    look = Survey(
        "x", counts_of(a=(1, 2, 3)), "drawn", size_range([(4, 5), (1, 1), (2, 3)]), copies=copies, notes=("n",)
    )
    assert json.loads(json.dumps(look.to_dict())) == {
        "name": "x",
        "counts": {"a": {"train": 1, "validation": 2, "test": 3}},
        "split": "drawn",
        "sizes": {"least": [1, 1], "median": [2, 3], "largest": [4, 5]},
        "left_out": [],
        "copies": [
            {"names": ["a/1.jpg", "a/2.jpg"], "labels": ["a", "a"], "sets": ["train", "left out"], "same_bytes": True}
        ],
        "notes": ["n"],
    }


def test_labels_without_images_count_as_nothing():
    assert count_labels(["a", "b"], *(np.array(targets, int) for targets in ([1, 1], [], [0]))) == {
        "a": {"train": 0, "validation": 0, "test": 1},
        "b": {"train": 2, "validation": 0, "test": 0},
    }


def test_classes_that_a_mirrored_photo_may_not_be_of_are_named():
    survey = Survey("signs", counts_of(turn_left=(90, 9, 9), turn_right=(90, 9, 9), stop=(90, 9, 9)), "drawn", {})
    [line] = survey.warnings()
    assert line.startswith("a mirrored photo may be of another class than turn_left, turn_right, and half of the")
    assert line.endswith("--set augmentation.flip=false leaves them as they are")
