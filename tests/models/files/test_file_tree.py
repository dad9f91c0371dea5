import os
import zipfile
from pathlib import Path

import pytest

from models.files.file_tree import TreeError, open_tree


def test_folder_and_zip_file_are_listed_alike(tmp_path):
    folder = tmp_path / "a[1] 'b'\nc"
    for name in ("red/2021/1.png", "red/2.png", "a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    for source in (folder, tmp_path / "a.zip"):
        tree = open_tree(source)
        assert [file.path for file in tree.files] == ["a.txt", "red/2.png", "red/2021/1.png"]
        assert [file.read() for file in tree.files] == [b"a.txt", b"red/2.png", b"red/2021/1.png"]
        assert tree.folders == {"red", "red/2021", "empty"}


def test_links_to_folders_are_followed_once(tmp_path):
    (tmp_path / "data" / "red").mkdir(parents=True)
    (tmp_path / "data" / "red" / "1.png").touch()
    (tmp_path / "data" / "red" / "again").symlink_to(tmp_path / "data" / "red")
    (tmp_path / "data" / "blue").symlink_to(tmp_path / "data" / "red")
    (tmp_path / "data" / "red" / "up").symlink_to("..")
    assert [file.path for file in open_tree(tmp_path / "data").files] == [
        *("blue/1.png", "blue/again", "blue/up", "red/1.png", "red/again", "red/up"),
    ]


def test_a_zip_file_leads_nowhere_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../red//./1.png", b"")
    assert [file.path for file in open_tree(tmp_path / "a.zip").files] == ["red/1.png"]


def test_what_cannot_be_listed_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no zip file")
    with pytest.raises(TreeError, match=r"a\.zip is neither a folder nor a zip file"):
        open_tree(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("é/1.png", b"")
    (tmp_path / "b.zip").write_bytes((tmp_path / "b.zip").read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(TreeError, match=r"b\.zip cannot be listed: .*utf-8"):
        open_tree(tmp_path / "b.zip")


def test_what_a_folder_cannot_show_is_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(folder):
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    listed = os.scandir
    monkeypatch.setattr(os, "scandir", refuse)
    (tmp_path / "red" / "locked").mkdir(parents=True)
    (tmp_path / "red" / "loop.png").symlink_to("loop.png")
    tree = open_tree(tmp_path)
    assert [file.path for file in tree.files] == ["red/locked/", "red/loop.png"]
    for file in tree.files:
        with pytest.raises(OSError, match=r"Is a directory|Too many levels"):  # a locked one says "Permission denied"
            file.read()


def test_a_file_that_a_password_locks_says_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("red/1.png", b"")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[6] = content[content.index(b"PK\1\2") + 8] = 1  # the flag of an encrypted entry
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(OSError, match="a password locks it: unpack it first"):
        open_tree(tmp_path / "a.zip").files[0].read()
