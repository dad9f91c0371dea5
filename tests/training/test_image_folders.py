import zipfile

import pytest

from training.image_folders import visible_entries

FILES = ("b/1.png", "a.png", ".DS_Store", "._a.png", "__MACOSX/._a.png", ".git/config", "_removed/b/2.png")


@pytest.fixture(params=["folder", "zip file"])
def folder(request, tmp_path):
    if request.param == "zip file":
        with zipfile.ZipFile(tmp_path / "folder.zip", "w") as archive:
            for name in FILES:
                archive.writestr(name, b"")
        return zipfile.Path(tmp_path / "folder.zip")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_entries_come_by_name_without_what_was_removed_or_is_hidden(folder):
    assert [(entry.name, entry.is_dir()) for entry in visible_entries(folder)] == [("a.png", False), ("b", True)]
