import zipfile

import pytest

from training.tree import visible_entries

FILES = ("b/1.png", "a.png", ".DS_Store", "._a.png", "__MACOSX/._a.png", ".git/config")


@pytest.fixture(params=["folder", "zip file"])
def tree(request, tmp_path):
    if request.param == "zip file":
        with zipfile.ZipFile(tmp_path / "tree.zip", "w") as archive:
            for name in FILES:
                archive.writestr(name, b"")
        return zipfile.Path(tmp_path / "tree.zip")
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_entries_come_by_name_without_what_systems_hide(tree):
    assert [(entry.name, entry.is_dir()) for entry in visible_entries(tree)] == [("a.png", False), ("b", True)]
