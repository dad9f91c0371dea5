"""`python -m models import` from a file to a version that is served."""

import json
import re

import numpy as np
import pytest
from foreign_files import LABELS, dark_and_bright_photos, dark_or_bright, dense

from models.cli import main
from models.pixels.spec import PixelSpec
from models.portable.description import describe
from models.store.repository import Repository


@pytest.fixture
def models(tmp_path, capsys):
    """Run a command on a repository; gives status, stdout, stderr."""

    def run(*arguments):
        try:
            status = main([*map(str, arguments), "--repository", str(tmp_path / "repository")])
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def labels(tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    return tmp_path / "labels.txt"


def test_an_imported_file_is_a_version_like_others(models, tmp_path, labels):
    file = dense(tmp_path / "roses.tflite")
    status, out, err = models("import", "roses", file, "--labels", labels, "--range", "-1..1", "--fit", "crop:0.875")
    assert (status, err) == (0, "")
    assert out.splitlines()[:4] == [
        "it takes float32 pictures of 8 x 8 px, 3 channels; given --range -1..1 --fit crop:0.875",
        "it gives 3 outputs: probabilities of its softmax",
        "it is not measured, and its probabilities are as they come: --photos DIR would do both",
        f"published model roses version 1 in {tmp_path / 'repository'}; it is now stable",
    ]
    manifest = Repository(tmp_path / "repository").load("roses").manifest
    assert manifest.labels == LABELS
    assert manifest.architecture == {"family": "imported", "name": "roses"}
    assert manifest.pixels.to_dict() == {
        "height_px": 8,
        "width_px": 8,
        "fit": "crop",
        "crop_fraction": 0.875,
        "resample": "bilinear",
    }
    assert sorted(manifest.files) == ["golden.json", "model.tflite"]
    assert {key: manifest.provenance["imported"][key] for key in ("file", "kind", "range", "channels")} == {
        "file": "roses.tflite",
        "kind": "tflite",
        "range": "-1..1",
        "channels": "RGB",
    }
    assert manifest.provenance["command"].startswith("python -m models import roses ")
    status, out, _ = models("verify", "roses")
    assert status == 0
    assert "agrees   litert: largest difference 0.0000, same label for 10 of 10" in out
    assert "agrees   description inside the file" in out
    assert models("list")[1].splitlines()[1].split()[:6] == ["roses", "1", "*", "imported", "roses", "float32"]


def imported_again(models, tmp_path, labels, *photos, file):
    return models("import", "light", file, "--labels", labels, "--range", "0..1", "--fit", "stretch", *photos)


def test_version_that_is_as_good_as_the_one_that_serves_takes_its_place(models, tmp_path, labels):
    labels.write_text("dark\nbright\n")
    photos = ("--photos", dark_and_bright_photos(tmp_path / "photos"))
    file = dark_or_bright(tmp_path / "light.tflite")
    assert imported_again(models, tmp_path, labels, file=file)[0] == 0
    status, out, _ = imported_again(models, tmp_path, labels, *photos, file=file)
    assert status == 0
    assert out.splitlines()[-3].endswith("it is now stable")
    assert "it is served from now on: 100.0 % of 12 test photos" in out.splitlines()[-2]
    manifest = Repository(tmp_path / "repository").load("light").manifest
    assert (manifest.version, manifest.provenance["compared_with_stable"]["instead_of"]) == (2, 1)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("worse", r"it is not served: \S+ % of 12 test photos .* right, and 100.0 % by version 1, which was served"),
        ("not measured", "it is not served: it was not measured, and version 1 is served: --photos DIR compares them"),
        ("other labels", "it is not served: version 1, which is served, has other labels, which those who ask for"),
    ],
)
def test_version_that_may_be_worse_is_a_candidate_with_the_command_to_promote_it(models, tmp_path, labels, how, reason):
    labels.write_text("dark\nbright\n")
    photos = ("--photos", dark_and_bright_photos(tmp_path / "photos"))
    file = dark_or_bright(tmp_path / "light.tflite")
    assert imported_again(models, tmp_path, labels, file=file)[0] == 0
    if how == "other labels":
        labels.write_text("black\nwhite\n")
    if how == "worse":
        status, out, _ = models(
            "import", "light", file, "--labels", labels, "--range", "0..255", "--fit", "stretch", *photos
        )
    else:
        status, out, _ = imported_again(models, tmp_path, labels, file=file)
    assert status == 0
    published, told, command = out.splitlines()[-4:-1]
    assert published.endswith("it is a candidate, which nobody is served by")
    assert re.match(reason, told)
    assert f"models promote light:2 --repository {tmp_path / 'repository'}`" in command
    repository = Repository(tmp_path / "repository")
    assert (repository.stable_version("light"), repository.versions("light")) == (1, [1, 2])


def test_range_and_labels_that_the_file_has_inside_need_not_be_given(models, tmp_path):
    file = dense(tmp_path / "roses.tflite")
    file.write_bytes(describe(file.read_bytes(), LABELS, PixelSpec(8, 8)))
    status, out, _ = models("import", "roses", file, "--fit", "crop")
    assert status == 0
    assert out.startswith("it takes float32 pictures of 8 x 8 px, 3 channels; given --range 0..255 --fit crop\n")


def test_tried_on_photos_it_gets_the_range_and_is_measured_on_the_others(models, tmp_path, labels):
    labels.write_text("dark\nbright\n")
    photos = dark_and_bright_photos(tmp_path / "photos")
    file = dark_or_bright(tmp_path / "light.tflite")
    status, out, err = models("import", "light", file, "--labels", labels, "--try", photos, "--json")
    assert status == 0
    record = json.loads(out)
    assert record["imported"]["range"] == "0..1"
    assert record["imported"]["photos"]["num_images"] == 24
    assert [len(record["imported"]["tried"]), record["imported"]["tried"][0]["num_right"]] == [13, 12]
    assert record["metrics"]["float32"]["top1"] == 1
    assert record["metrics"]["float32"]["num_images"] == 12
    assert "the best is --range 0..1 --fit crop:0.875" in err
    manifest = Repository(tmp_path / "repository").load("light").manifest
    assert manifest.calibration.num_images == 12
    assert manifest.calibration.temperature < 1
    assert manifest.expected_answers.classes == (6, 6)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give --fit stretch, crop or crop:0.875, as the model was trained, or --try PHOTOS"),
        (["--fit", "pad"], "argument --fit: a fit must be stretch, crop, or crop:F"),
        (["--range", "torch"], "argument --range: a range must be one of -1..1, 0..1"),
        (["--size", "0x7"], "argument --size: must be PX or HEIGHTxWIDTH, of 1 to 4096, got '0x7'"),
        (["--try", "nowhere"], "there is no nowhere for --try"),
        (["--fit", "crop", "--labels", "nowhere"], "there is no nowhere for --labels"),
        (
            ["--fit", "crop", "--int8"],
            "--int8 needs labelled photos, by which its ranges are fixed: give --photos or --try",
        ),
        (["--download"], "--download is of the weights of an --application, in place of a FILE"),
        (["--application", "LeNet"], "argument --application: invalid choice: 'LeNet'"),
        (["--photos", "a", "--try", "b"], "argument --try: not allowed with argument --photos"),
    ],
)
def test_wrong_arguments_are_told_in_a_line(models, tmp_path, labels, arguments, reason):
    status, _, err = models("import", "roses", dense(tmp_path / "a.tflite"), "--labels", labels, *arguments)
    assert status == 2
    assert reason in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pt", b"\x80\x02}q\x00.", "a.pt may be a pickle, or weights without their network"),
        ("a.npz", b"PK\x03\x04", "a.npz may be a pickle, or weights without their network"),
        ("a.tflite", b"", "a.tflite is of no kind that is accepted"),
        ("a.tflite", b"\0\0\0\0TFL3" + b"\xff" * 64, "the file cannot be read"),
    ],
)
def test_other_files_are_refused_and_nothing_is_published(models, tmp_path, labels, name, content, reason):
    (tmp_path / name).write_bytes(content)
    status, _, err = models("import", "roses", tmp_path / name, "--labels", labels, "--range", "0..1", "--fit", "crop")
    assert status == 1
    assert reason in err
    assert f"({name}: nothing more was published)" in err
    assert not (tmp_path / "repository").exists()


def test_a_file_without_labels_inside_needs_them(models, tmp_path):
    status, _, err = models("import", "roses", dense(tmp_path / "a.tflite"), "--range", "0..1", "--fit", "crop")
    assert status == 1
    assert "a.tflite has no labels inside: give --labels FILE, one a line" in err


def test_without_a_file_keras_weights_must_be_asked_for(models):
    status, _, err = models("import", "mobilenet", "--application", "MobileNetV2")
    assert status == 2
    assert "give a FILE, or --application NAME --download for Keras' own weights" in err


def test_a_tflite_file_cannot_be_quantized(models, tmp_path, labels):
    labels.write_text("dark\nbright\n")
    photos = dark_and_bright_photos(tmp_path / "photos", num_each=2)
    file = dark_or_bright(tmp_path / "light.tflite")
    status, _, err = models("import", "light", file, "--labels", labels, "--try", photos, "--int8")
    assert status == 1
    assert "--int8 needs the network itself (.keras, .h5 or a SavedModel), and not a .tflite" in err


@pytest.mark.extended(covers=["models/network/foreign*", "models/importing/*.py"])
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # of Keras 3
def test_a_keras_file_becomes_two_versions_float32_and_int8(models, tmp_path, labels):
    import tf_keras

    labels.write_text("dark\nbright\n")
    photos = dark_and_bright_photos(tmp_path / "photos")
    image = tf_keras.Input((8, 8, 3))
    gray = tf_keras.layers.GlobalAveragePooling2D()(tf_keras.layers.AveragePooling2D()(image))
    weights = [np.array([[-30, 30]] * 3, np.float32), np.array([45, -45], np.float32)]
    classes = tf_keras.layers.Dense(2, activation="softmax")
    model = tf_keras.Model(image, classes(gray))
    classes.set_weights(weights)
    model.save(tmp_path / "light.keras")
    status, out, err = models(
        "import", "light", tmp_path / "light.keras", "--labels", labels, "--try", photos, "--int8"
    )
    assert (status, err) == (0, "")
    assert "the best is --range 0..1 --fit crop:0.875" in out
    assert "int8 against float32: " in out
    repository = Repository(tmp_path / "repository")
    assert repository.versions("light") == [1, 2]
    manifests = [repository.load("light", version).manifest for version in (1, 2)]
    assert [each.formats["litert"].precision for each in manifests] == ["float32", "int8"]
    assert [each.metrics["float32"]["top1"] for each in manifests] == [1, 1]
    assert manifests[1].metrics["int8"]["num_images"] == 12
    assert models("verify", "light:2")[0] == 0
