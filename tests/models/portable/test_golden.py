import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import CorruptArtifact
from models.pixels.spec import PixelSpec
from models.portable.golden import PICTURES, Golden, decoded_pixels, fitted_pixels, golden_answers, hash_of
from models.portable.painting import PAINTED
from models.runtime.litert import LiteRTRuntime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
LABELS, PIXELS, MODEL = ARTIFACT.manifest.labels, ARTIFACT.manifest.pixels, ARTIFACT.model_path("litert")


@pytest.fixture(scope="module")
def golden():
    return golden_answers(MODEL, LABELS, PIXELS, precision="int8")


def opened(file):
    return Image.open(BytesIO(file.read_bytes()))


def test_there_are_ten_pictures_in_less_than_100_kb():
    assert {file.name for file in PICTURES.iterdir()} == PAINTED.keys()
    assert len(PAINTED) == 10
    assert sum(file.stat().st_size for file in PICTURES.iterdir()) < 100_000


def test_png_pictures_are_what_is_painted(tmp_path):
    for name, paint in PAINTED.items():
        paint(tmp_path / name)
        painted, kept = opened(tmp_path / name), opened(PICTURES / name)
        assert (painted.size, painted.mode) == (kept.size, kept.mode)
        if name.endswith(".png") and kept.mode != "P":
            difference = np.abs(np.asarray(painted.convert("RGBA"), int) - np.asarray(kept.convert("RGBA"), int))
            assert difference.max() <= 1  # a sine rounds otherwise on another processor


def test_pictures_are_of_kinds_that_programs_read_wrongly():
    pictures = {name: opened(PICTURES / name) for name in PAINTED}
    assert pictures["turned.jpg"].getexif()[0x0112] == 6
    assert pictures["progressive.jpg"].info["progressive"]
    assert [pictures[name].mode for name in ("gray.jpg", "alpha.png", "palette.png")] == ["L", "RGBA", "P"]
    assert "transparency" in pictures["palette.png"].info


def test_each_answer_stands_with_the_hashes_of_its_pixels(golden):
    turned = next(picture for picture in golden.pictures if picture.file == "turned.jpg")
    assert turned.sha256 == hashlib.sha256((PICTURES / "turned.jpg").read_bytes()).hexdigest()
    assert turned.size == (360, 540)  # upright; stored lying
    assert turned.decoded_sha256 == hash_of(decoded_pixels("turned.jpg"))
    assert turned.fitted_sha256 == hash_of(fitted_pixels("turned.jpg", PIXELS))
    runtime = LiteRTRuntime(MODEL, input_shape=(32, 32, 3), num_classes=10)
    expected = runtime.run(fitted_pixels("turned.jpg", PIXELS)[None])[0]
    np.testing.assert_allclose(turned.probabilities, expected, atol=1e-6)


def test_decoded_pixels_are_upright_and_on_white():
    assert decoded_pixels("turned.jpg").shape == (540, 360, 3)
    assert decoded_pixels("alpha.png")[0, 0].tolist() == [255, 255, 255]


def test_a_picture_of_the_models_size_is_fitted_as_it_is():
    np.testing.assert_array_equal(fitted_pixels("small.png", PixelSpec(24, 30)), decoded_pixels("small.png"))


def test_golden_answers_come_back_from_json(golden):
    assert Golden.decode(golden.encode()) == golden
    assert golden.probabilities.shape == (10, 10)
    assert json.loads(golden.encode())["model_sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b'"format": 1', b'"format": 2', "must be of format 1"),
        (b'"airplane",', b"", "a probability for each label"),
        (b'"precision"', b'"precise"', "precise"),
        (b"{", b"[", "not well-formed JSON"),
    ],
)
def test_a_broken_file_is_named(golden, before, after, fault):
    with pytest.raises(CorruptArtifact, match=fault):
        Golden.decode(golden.encode().replace(before, after, 1))
