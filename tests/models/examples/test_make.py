"""Some of the training pictures of each class come beside a version, as features and thumbnails."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from small_artifacts import small_manifest
from tflite_files import colour_classifier, pooled_classifier

from models.cli import main
from models.examples.index import FOLDER, ExampleIndex
from models.examples.make import THUMBNAIL_PX, thumbnail
from models.store.examples import Examples
from models.store.manifest import ModelFile
from models.store.repository import Repository

WEIGHTS = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]
COLOURS = {"red": (250, 5, 5), "green": (5, 250, 5), "blue": (5, 5, 250)}


def picture(colour, size=(40, 30)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def repository(tmp_path):
    return publish(tmp_path, pooled_classifier(tmp_path / "model.tflite", WEIGHTS, [0, 0, 0]))


def publish(folder, file):
    repository = Repository(folder / "models")
    formats = {"litert": ModelFile("model.tflite", "float32")}
    manifest = small_manifest(name="colours", labels=tuple(COLOURS), formats=formats)
    repository.publish(manifest, {"model.tflite": file})
    return repository


@pytest.fixture
def photos(tmp_path):
    """train/<class>/0.png to 4.png, ever darker; and test/red, which has been held out."""
    for label, colour in COLOURS.items():
        folder = tmp_path / "photos" / "train" / label
        folder.mkdir(parents=True)
        for number in range(5):
            (folder / f"{number}.png").write_bytes(picture(tuple(value // (number + 1) for value in colour)))
    (tmp_path / "photos" / "test" / "red").mkdir(parents=True)
    (tmp_path / "photos" / "test" / "red" / "5.png").write_bytes(picture((255, 255, 255)))
    (tmp_path / "photos" / "train" / "red" / "2b.png").write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture
def index(repository, photos, capsys):
    def index(*options, data=photos, name="colours"):
        arguments = ["index", name, "--data", str(data), "--licence", "CC0", "--repository", str(repository.root)]
        try:
            status = main([*arguments, *options])
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return index


def test_version_with_examples_is_published_beside_the_one_without(index, repository):
    assert index("--per-class", "2", "--may-be-shown") == (
        0,
        "published colours:2 with 6 pictures, which a server shows to whoever asks; it is now stable\n",
        "",
    )
    artifact = repository.load("colours")
    assert artifact.manifest.examples == Examples(6, "CC0", may_be_shown=True)
    assert repository.load("colours", 1).manifest.examples is None
    found = ExampleIndex(artifact.path / FOLDER, num_channels=3).nearest(np.float32([9, 9, 200]), 2)
    assert [each.example.source for each in found] == ["train/blue/0.png", "train/blue/4.png"]
    assert Image.open(io.BytesIO(found[0].example.thumbnail)).size == (40, 30)


def test_second_index_takes_the_place_of_the_first(index, repository):
    index("--per-class", "5")
    index("--per-class", "1")
    artifact = repository.load("colours")
    assert (artifact.manifest.version, artifact.manifest.examples) == (3, Examples(3, "CC0", may_be_shown=False))
    assert len(ExampleIndex(artifact.path / FOLDER, num_channels=3)) == 3


def test_held_out_and_broken_pictures_are_left_out(index, repository):
    index("--per-class", "100")
    assert repository.load("colours").manifest.examples.num_images == 15


def test_pictures_of_other_classes_are_refused(index, tmp_path):
    (tmp_path / "other" / "cat").mkdir(parents=True)
    (tmp_path / "other" / "cat" / "a.png").write_bytes(picture((1, 2, 3)))
    status, _, error = index(data=tmp_path / "other")
    assert (status, "other has no picture in a folder that is called as one of the model's 3 labels" in error) == (
        1,
        True,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--per-class", "0"], "argument --per-class: it must be a whole number >= 1, got '0'"),
        (["--data", "/nowhere"], "there is no folder or zip file /nowhere"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(index, options, message):
    status, _, error = index(*options)
    assert (status, message in error, error.count("\n")) == (2, True, 1)


def test_network_without_pooled_features_cannot_be_indexed(tmp_path, photos, capsys):
    repository = publish(tmp_path, colour_classifier(tmp_path / "model.tflite"))
    arguments = ["index", "colours", "--data", str(photos), "--licence", "CC0", "--repository", str(repository.root)]
    assert main(arguments) == 1
    assert "does not end in global average pooling and one dense layer" in capsys.readouterr().err


def test_thumbnail_is_upright_and_small():
    exif = Image.Exif()
    exif[274] = 6
    file = io.BytesIO()
    Image.new("RGB", (400, 200), (9, 9, 9)).save(file, "JPEG", exif=exif)
    shown = Image.open(io.BytesIO(thumbnail(file.getvalue())))
    assert (shown.format, shown.size) == ("WEBP", (THUMBNAIL_PX // 2, THUMBNAIL_PX))
    assert not shown.getexif()
