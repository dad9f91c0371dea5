import zipfile

import numpy as np
import pytest
from foreign_files import dark_and_bright_photos
from PIL import Image

from models.importing.photos import UnusablePhotos, open_photos
from models.pixels.spec import PixelSpec


def save(folder, label, name="a.png", color=(1, 2, 3)):
    (folder / label).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), color).save(folder / label / name)


def test_a_folder_is_called_as_a_label_or_nearly(tmp_path):
    for label in ("tench", "Goldfish", "great_white_shark", "Tench, Tinca tinca"):
        save(tmp_path, label)
    labels = ("great white shark, white shark", "goldfish, Carassius auratus", "Tench, Tinca tinca")
    photos = open_photos(tmp_path, labels)
    found = dict(zip(photos.pictures.names, photos.targets.tolist(), strict=True))
    assert found == {
        "tench/a.png": 2,
        "Goldfish/a.png": 1,
        "great_white_shark/a.png": 0,
        "Tench, Tinca tinca/a.png": 2,
    }


def test_the_name_of_two_labels_is_none(tmp_path):
    save(tmp_path, "crane")
    with pytest.raises(
        UnusablePhotos, match=r"each photo must be in a folder that is called as a label, such as 'crane, "
    ):
        open_photos(tmp_path, ("crane, bird", "crane, machine"))


def test_a_folder_that_is_no_label_is_named(tmp_path):
    save(tmp_path, "dog")
    with pytest.raises(UnusablePhotos, match=r"such as 'cat'; 'dog/a.png' is not"):
        open_photos(tmp_path, ("cat",))


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(UnusablePhotos, match=r"the photos cannot be used: .* holds no file to classify"):
        open_photos(tmp_path, ("cat",))


def test_halves_share_no_photo_and_have_each_label_alike(tmp_path):
    photos = open_photos(dark_and_bright_photos(tmp_path, num_each=7), ("dark", "bright"))
    fitting, reporting = photos.halves()
    assert sorted(fitting.numbers + reporting.numbers) == list(range(14))
    assert [np.bincount(half.targets).tolist() for half in (fitting, reporting)] == [[4, 4], [3, 3]]
    again = photos.halves()
    assert (again[0].numbers, again[1].numbers) == (fitting.numbers, reporting.numbers)


def test_one_photo_of_each_label_has_no_halves(tmp_path):
    photos = open_photos(dark_and_bright_photos(tmp_path, num_each=1), ("dark", "bright"))
    with pytest.raises(UnusablePhotos, match="at least two of a label: one to choose by, and one to report on"):
        photos.halves()


def test_photos_of_a_zip_file_are_decoded_and_fitted(tmp_path):
    save(tmp_path, "cat", color=(9, 8, 7))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(tmp_path / "cat" / "a.png", "photos/cat/a.png")
    [pixels] = open_photos(tmp_path / "photos.zip", ("cat",)).pixels(PixelSpec(2, 3))
    np.testing.assert_array_equal(pixels, np.full((2, 3, 3), (9, 8, 7)))


def test_a_broken_photo_is_named(tmp_path):
    save(tmp_path, "cat")
    (tmp_path / "cat" / "b.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UnusablePhotos, match=r"the photo cat/b.jpg cannot be used: the JPEG image is"):
        open_photos(tmp_path, ("cat",)).pixels(PixelSpec(2, 2))
