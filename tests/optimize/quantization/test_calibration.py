import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from toy_data import write_folders

from models.pixels.preprocessing import PixelSpec, preprocess
from optimize.quantization.calibration import balanced_indices, calibration_images, random_indices
from optimize.settings import Quantization
from training.data import load_dataset
from training.dataset import DatasetError, HeldOut

SPEC = PixelSpec(height_px=32, width_px=32)
TARGETS = np.array([0] * 20 + [1] * 5 + [2] * 75)


@pytest.fixture(scope="module")
def train(toy_npz):
    return load_dataset(toy_npz, HeldOut()).train


@pytest.fixture
def pictures(tmp_path):
    return write_folders(tmp_path / "pictures", num_images=6)


def packed(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def own(path: Path, num_images: int = 512) -> list[bytes]:
    quantization = Quantization(calibration_images=path, num_calibration_images=num_images)
    return [pixels.tobytes() for pixels in calibration_images(quantization, None, SPEC, seed=0)]


@pytest.mark.parametrize("calibration", ["random", "balanced"])
def test_training_images_are_drawn_without_replacement_by_the_seed(train, calibration):
    quantization = Quantization(num_calibration_images=30, calibration=calibration)
    everything = {pixels.tobytes() for pixels in train.pixels(SPEC)}
    first, same, other = (
        {pixels.tobytes() for pixels in calibration_images(quantization, train, SPEC, seed=seed)} for seed in (0, 0, 1)
    )
    assert len(first) == 30
    assert first == same
    assert first != other
    assert first <= everything


def test_no_more_are_drawn_than_there_are(train):
    assert len(calibration_images(Quantization(num_calibration_images=1000), train, SPEC, seed=0)) == 96


@pytest.mark.parametrize(("px", "num_images"), [(8, 70), (129, 64)])
def test_fewer_large_ones_are_drawn_for_they_take_longer(train, px, num_images):
    some = train.subset(np.arange(70))
    assert len(calibration_images(Quantization(), some, PixelSpec(px, px), seed=0)) == num_images


def test_random_ones_follow_the_distribution_of_the_training_images():
    counts = np.bincount(TARGETS[random_indices(TARGETS, 100, 0)])
    np.testing.assert_array_equal(counts, [20, 5, 75])


@pytest.mark.parametrize(("num_images", "num_each"), [(3, 1), (14, 4), (15, 5), (100, 5)])
def test_balanced_ones_are_as_many_of_each_class(num_images, num_each):
    indices = balanced_indices(TARGETS, num_images, 0)
    np.testing.assert_array_equal(np.bincount(TARGETS[indices]), [num_each] * 3)
    assert len(set(indices)) == 3 * num_each


def test_balance_needs_one_of_each_class():
    with pytest.raises(ValueError, match=r"each of 3 classes: num_calibration_images must be >= 3, got 2"):
        balanced_indices(TARGETS, 2, 0)


@pytest.mark.parametrize("form", [Path, packed])
def test_own_pictures_come_from_a_folder_or_a_zip_file(pictures, form):
    (pictures / ".hidden").write_text("not a picture")
    expected = {preprocess(file.read_bytes(), SPEC).tobytes() for file in pictures.rglob("*.png")}
    assert len(expected) == 6
    assert set(own(form(pictures))) == expected


def test_of_many_own_pictures_some_are_drawn(pictures):
    chosen = own(pictures, num_images=4)
    assert len(set(chosen)) == 4
    assert chosen == own(pictures, num_images=4)


@pytest.mark.parametrize("form", [Path, packed])
def test_a_picture_that_cannot_be_decoded_is_named(pictures, form):
    (pictures / "red" / "note.txt").write_text("not a picture")
    with pytest.raises(DatasetError, match=r"^cannot calibrate on red/note\.txt: "):
        own(form(pictures))


def test_a_name_in_a_zip_file_may_be_utf_8_that_says_not_so(pictures):
    (pictures / "red" / "note.txt").write_text("not a picture")
    path = packed(pictures)
    path.write_bytes(path.read_bytes().replace(b"red/", "né/".encode()))
    with pytest.raises(DatasetError, match=r"^cannot calibrate on né/note\.txt: "):
        own(path)


def test_an_entry_with_a_damaged_name_is_named(pictures):
    path = packed(pictures)
    path.write_bytes(path.read_bytes().replace(b"red/2.png", b"red/\xff.png", 1))
    with pytest.raises(DatasetError, match=r"^cannot calibrate on red/2\.png: "):
        own(path)


def test_a_damaged_entry_of_a_zip_file_is_named(pictures):
    path = pictures.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.png", next(pictures.rglob("*.png")).read_bytes())
        archive.writestr("damaged.png", b"stored as it is")
    path.write_bytes(path.read_bytes().replace(b"stored as it is", b"stored as it IS"))
    with pytest.raises(DatasetError, match=r"^cannot calibrate on damaged\.png: "):
        own(path)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty holds no picture to calibrate on"):
        own(tmp_path / "empty")


@pytest.mark.parametrize("name", ["picture.png", "missing"])
def test_what_is_neither_folder_nor_zip_file_is_refused(tmp_path, name):
    (tmp_path / "picture.png").write_bytes(b"one picture")
    with pytest.raises(DatasetError, match="calibration images must be a folder or a zip file, got "):
        own(tmp_path / name)
