import io
import shutil
import warnings

import numpy as np
import pytest
from pictures import encode, gradient, with_orientation
from PIL import Image

from models.errors import ImageTooLarge
from models.files.file_tree import open_tree
from models.pixels.preprocessing import PixelSpec, preprocess
from training.examine import examine
from training.photo import is_served, photos_allowed, read_again, scaled_to_serve, upright_size


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_size_is_that_of_the_photo_as_it_is_looked_at(image_format):
    photo = encode(gradient(20, 30), image_format, exif=with_orientation(6))
    assert upright_size(photo) == (20, 30)
    assert upright_size(encode(gradient(20, 30), image_format)) == (30, 20)


def test_a_photo_that_a_server_refuses_is_scaled_to_one_that_it_takes(monkeypatch):
    monkeypatch.setattr("training.photo.MAX_TARGET_PX", 64)
    photo = encode(gradient(100, 150), "JPEG", quality=95, exif=with_orientation(6))
    scaled = scaled_to_serve(photo, 250_000_000)
    assert upright_size(scaled) == (43, 64)
    spec = PixelSpec(16, 16)
    assert np.abs(preprocess(scaled, spec).astype(int) - preprocess(photo, spec)).max() <= 4


def test_only_what_is_large_is_scaled():
    assert is_served(b"x", (10_000, 3_000))
    assert not is_served(b"x", (10_000, 3_001))
    assert not is_served(bytes(20 * 1024**2 + 1), (10, 10))


def test_pillow_neither_warns_nor_forgets_its_limit():
    before = Image.MAX_IMAGE_PIXELS
    wide = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(wide, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert upright_size(scaled_to_serve(wide.getvalue(), 100_000_000)) == (4096, 4096)
    assert before == Image.MAX_IMAGE_PIXELS
    with photos_allowed(99_999_999) as limits, pytest.raises(ImageTooLarge, match="at most 99,999,999 are accepted"):
        preprocess(wide.getvalue(), PixelSpec(8, 8), limits=limits)


@pytest.fixture
def looked_at(tmp_path):
    """A folder with a photo in it, and the photo as the look found it."""
    path = tmp_path / "photos" / "cat" / "1.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(gradient(9, 9), "PNG"))
    [file] = open_tree(tmp_path / "photos").files
    [photo] = examine([file], 10_000).photos
    return path, photo


def test_a_photo_that_is_deleted_later_is_named_with_what_to_do(looked_at, tmp_path):
    path, photo = looked_at
    assert read_again(photo, tmp_path / "photos") == path.read_bytes()
    path.unlink()
    with pytest.raises(OSError, match=r"^cat/1\.png") as lost:
        read_again(photo, tmp_path / "photos")
    assert str(lost.value) == (
        f"cat/1.png in {tmp_path}/photos cannot be read any more (No such file or directory): put it back as it was, "
        "and give the same command again; to do without it, train in another --workdir"
    )


def test_a_photo_that_is_another_one_later_is_not_taken_for_it(looked_at, tmp_path):
    path, photo = looked_at
    path.write_bytes(encode(gradient(9, 8), "PNG"))
    with pytest.raises(OSError, match=r"cannot be read any more \(it was changed after the look\)"):
        read_again(photo, tmp_path / "photos")


def test_a_folder_that_is_gone_is_named_instead_of_its_photos(looked_at, tmp_path):
    _, photo = looked_at
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(OSError, match=r"^.*/photos is not there any more: put it, or the disk or network drive that"):
        read_again(photo, tmp_path / "photos")
