import io
import os
import sys
import zipfile
from pathlib import Path

import pytest
from colours import RED

from models.errors import ImageTooLarge
from models.predict.pictures import UnreadableFile, UnusableSource, open_pictures, shown_name

NAMES = ["a.png", "sub/b.png", 'sub/c, "d"\n.png']


@pytest.fixture
def folder(tmp_path):
    for name in [*NAMES, ".DS_Store", "__MACOSX/a.png"]:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(name.encode())
    return tmp_path / "photos"


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return path


def test_folder_and_zip_file_hold_the_same_files_in_the_same_order(folder):
    for source in (folder, zipped(folder)):
        pictures = open_pictures(str(source))
        assert list(pictures.names) == NAMES
        assert [pictures.read(number, 100) for number in (2, 0, 1)] == [NAMES[2].encode(), b"a.png", b"sub/b.png"]
        assert pictures.num_hidden == 2


def test_a_list_names_files_one_a_line(folder, monkeypatch):
    lines = b"\xef\xbb\xbfa.png\r\n\n./sub/b.png\nnowhere.png\n"
    (folder.parent / "list.txt").write_bytes(lines)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    monkeypatch.chdir(folder)
    for source in ("../list.txt", "-"):
        pictures = open_pictures(source)
        assert list(pictures.names) == ["a.png", "./sub/b.png", "nowhere.png"]
        assert pictures.read(1, 100) == b"sub/b.png"
        with pytest.raises(UnreadableFile, match=r"^the file cannot be read: No such file or directory$"):
            pictures.read(2, 100)


def test_another_set_of_files_has_another_sha256(folder):
    before = open_pictures(str(folder)).sha256
    assert open_pictures(str(folder)).sha256 == before
    os.utime(folder / "a.png", ns=(1, 1))
    touched = open_pictures(str(folder)).sha256
    (folder / "a.png").rename(folder / "z.png")
    assert len({before, touched, open_pictures(str(folder)).sha256}) == 3


def test_what_the_command_writes_is_no_picture(folder):
    (folder / "sub" / "answers.csv").touch()
    own = [Path(os.path.relpath(folder / "sub" / "answers.csv"))]
    assert list(open_pictures(str(folder), without=own).names) == NAMES


def test_what_is_no_file_is_not_read(folder):
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(".")
    pictures = open_pictures(str(folder))
    for name in ("pipe", "loop"):
        with pytest.raises(UnreadableFile, match="it is not a file"):
            pictures.read(pictures.names.index(name), 100)


def test_a_file_is_read_up_to_the_limit(folder):
    for source in (folder, zipped(folder)):
        pictures = open_pictures(str(source))
        assert pictures.read(0, 5) == b"a.png"
        with pytest.raises(ImageTooLarge, match="more than the 4 bytes that are accepted"):
            pictures.read(0, 4)


def test_members_of_a_zip_file_that_cannot_be_read_say_why(folder):
    content = bytearray(zipped(folder).read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag of an encrypted entry, of the first in the directory
    content[content.index(b"PK\3\4") + 6] |= 1
    second = content.index(b"PK\3\4", content.index(b"PK\3\4") + 1)
    content[second + 30 + len("sub/b.png") + 2] ^= 0xFF
    folder.with_suffix(".zip").write_bytes(content)
    pictures = open_pictures(str(folder.with_suffix(".zip")))
    why = []
    for number in range(len(pictures.names)):
        try:
            pictures.read(number, 100)
        except UnreadableFile as error:
            why.append(str(error))
    assert sorted(why) == [
        "the file cannot be read: a password locks it",
        "the file cannot be read: the zip file is damaged there",
    ]


def test_forked_processes_read_the_same_zip_file_at_once(folder):
    pictures = open_pictures(str(zipped(folder)))
    assert pictures.read(0, 100) == b"a.png"
    child = os.fork()
    for _ in range(200):
        right = [pictures.read(number, 100) for number in range(3)] == [name.encode() for name in NAMES]
        if not right:
            break
    if child == 0:
        os._exit(0 if right else 1)
    assert right
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (RED, "it is a PNG image: give a folder, a zip file, or a text file"),
        (b"\0\1", "it is no text file: give"),
        (b"\n", "holds no file to classify"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_names_no_pictures_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "source").write_bytes(content)
    with pytest.raises(UnusableSource, match=message):
        open_pictures(str(tmp_path / "source"))


def test_names_that_are_no_text_are_written_with_escapes():
    assert shown_name("é\udcff.jpg") == "é\\xff.jpg"
