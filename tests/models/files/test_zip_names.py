import struct
import zipfile
import zlib

import pytest
from toy_data import write_folders

from models.files.zip_names import read_names
from training.data import load_dataset
from training.dataset import HeldOut


def archive_of(path, raw_names, *, extra=b""):
    """A zip file whose names are these bytes, without the flag for UTF-8."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, name in enumerate(raw_names):
            placeholder = zipfile.ZipInfo(f"{index:0{len(name)}d}")
            placeholder.extra = extra
            archive.writestr(placeholder, b"")
    content = path.read_bytes()
    for index, name in enumerate(raw_names):
        content = content.replace(f"{index:0{len(name)}d}".encode(), name)
    path.write_bytes(content)
    return zipfile.ZipFile(path)


def test_plain_names_need_no_guess(tmp_path):
    with archive_of(tmp_path / "a.zip", [b"red/one.jpg"]) as archive:
        names = read_names(archive)
    assert (names.paths, names.guess) == (("red/one.jpg",), None)


def test_backslashes_of_windows_are_slashes_but_not_half_a_letter(tmp_path):
    with archive_of(
        tmp_path / "a.zip", ["写真\\表\\1.jpg".encode("cp932"), "写真\\裏\\1.jpg".encode("cp932")]
    ) as archive:
        assert read_names(archive).paths == ("写真/表/1.jpg", "写真/裏/1.jpg")


def test_an_encoding_can_be_chosen(tmp_path):
    with archive_of(tmp_path / "a.zip", ["猫/1.jpg".encode("gbk")]) as archive:
        assert read_names(archive, "cp437").paths == ("├¿/1.jpg",)
        assert read_names(archive, "gbk").guess is None
        with pytest.raises(ValueError, match=r"zip_encoding must be guess, gbk, .* got 'klingon'"):
            read_names(archive, "klingon")
        with pytest.raises(ValueError, match="the names in the zip file are not in ascii"):
            read_names(archive, "ascii")


def test_names_that_are_marked_as_utf_8_are_no_matter_of_guessing(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("猫/1.jpg", b"")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert read_names(archive, "cp1252").paths == ("猫/1.jpg",)


@pytest.mark.parametrize(("checked", "path"), [(b"a?/1.jpg", "a猫/1.jpg"), (b"another", "a?/1.jpg")])
def test_a_unicode_path_beside_the_name_counts_if_it_is_of_that_name(tmp_path, checked, path):
    body = struct.pack("<BI", 1, zlib.crc32(checked)) + "a猫/1.jpg".encode()
    extra = struct.pack("<HH", 0x9999, 1) + b"x" + struct.pack("<HH", 0x7075, len(body)) + body
    with archive_of(tmp_path / "a.zip", [b"a?/1.jpg"], extra=extra) as archive:
        assert read_names(archive).paths == (path,)


@pytest.mark.parametrize(("name", "label"), [("blé".encode(), "blé"), (b"bl\x82\x82", "bléé")])
def test_names_in_a_zip_file_are_utf_8_or_else_code_page_437(tmp_path, name, label):
    folder, path = write_folders(tmp_path / "folder", num_images=12), tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    path.write_bytes(path.read_bytes().replace(b"blue/", name + b"/"))  # without the flag for UTF-8, as Info-ZIP does
    data = load_dataset(path, HeldOut(0.25, 0.0, 0))
    assert data.labels == (label, "green", "red")
    assert len(data.train) + len(data.test) == 12
