"""Lists of moves, as a person applies and undoes them."""

import subprocess
import sys
import zipfile

import pytest

from training.__main__ import main
from training.journal import FOLDER
from training.moves import Move, write_moves

PHOTOS = ("train/rose/1.jpg", "train/rose/2020/1.jpg", "train/tulip/1.jpg", "test/rose/7.jpg")


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "photos"
    for name in PHOTOS:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(f"photo {name}".encode())
    return data


def photos(data):
    return {file.relative_to(data).as_posix(): file.read_bytes() for file in data.rglob("*.jpg")}


def relabel(data, *moves, options=()):
    if moves:
        write_moves(moves, data.parent / "moves.csv")
    list_of_moves = [str(data.parent / "moves.csv")] if moves else []
    return main(["relabel", *list_of_moves, "--data", str(data), *options])


def test_a_photo_moves_to_the_folder_of_its_class(data, capsys):
    assert relabel(data, Move("train/rose/2020/1.jpg", "rose", "tulip", "tulip by 93 %")) == 0
    moved = photos(data)
    assert moved.pop("train/tulip/2020/1.jpg") == b"photo train/rose/2020/1.jpg"
    assert set(moved) == set(PHOTOS) - {"train/rose/2020/1.jpg"}
    assert capsys.readouterr().out.splitlines() == [
        "train/rose/2020/1.jpg -> train/tulip/2020/1.jpg  (tulip by 93 %)",
        f"1 photo moved; to undo it: python -m training relabel --undo --data {data}",
    ]


def test_a_list_that_excel_saved_in_the_encoding_of_windows_is_applied(data, capsys):
    (data / "train/rose").rename(data / "train/Rosé")
    (data / "train/tulip").rename(data / "train/Löwenzahn")
    rows = "path;from;to;why\r\ntrain/Rosé/1.jpg;Rosé;Löwenzahn;\r\n"
    (data.parent / "moves.csv").write_bytes(rows.encode("cp1252"))
    assert main(["relabel", str(data.parent / "moves.csv"), "--data", str(data)]) == 0
    assert capsys.readouterr().out.startswith("train/Rosé/1.jpg -> train/Löwenzahn/1-2.jpg\n")


def test_a_name_that_is_taken_gets_a_number(data):
    moves = [Move("train/rose/1.jpg", "rose", "tulip"), Move("test/rose/7.jpg", "rose", "_removed")]
    (data / "_removed/test/rose").mkdir(parents=True)
    (data / "_removed/test/rose/7.jpg").write_text("removed before")
    assert relabel(data, *moves) == 0
    assert photos(data)["train/tulip/1.jpg"] == b"photo train/tulip/1.jpg"
    assert photos(data)["train/tulip/1-2.jpg"] == b"photo train/rose/1.jpg"
    assert photos(data)["_removed/test/rose/7-2.jpg"] == b"photo test/rose/7.jpg"


def test_two_photos_of_one_list_do_not_get_one_name(data):
    (data / "train/lily").mkdir()
    (data / "train/lily/1.JPG").write_text("lily")
    moves = [Move("train/rose/1.jpg", "rose", "iris"), Move("train/lily/1.JPG", "lily", "iris")]
    (data / "train/iris").mkdir()
    assert relabel(data, *moves) == 0
    assert sorted(file.name for file in (data / "train/iris").iterdir()) == ["1-2.JPG", "1.jpg"]


def test_undo_leaves_everything_as_it_was(data):
    before = {path: path.is_file() and path.read_bytes() for path in data.rglob("*")}
    moves = [
        Move("train/rose/1.jpg", "rose", "tulip"),
        Move("train/tulip/1.jpg", "tulip", "rose"),
        Move("train/rose/2020/1.jpg", "rose", "_removed"),
        Move("test/rose/7.jpg", "rose", "tulip"),
    ]
    assert relabel(data, *moves) == 0
    assert (data / "test/tulip/7.jpg").exists()  # there was no such folder
    assert relabel(data, options=["--undo"]) == 0
    assert {path: path.is_file() and path.read_bytes() for path in data.rglob("*")} == before


def test_dry_run_shows_and_changes_nothing(data, capsys):
    assert relabel(data, Move("train/rose/1.jpg", "rose", "_removed"), options=["--dry-run"]) == 0
    *_, shown, last = capsys.readouterr().out.splitlines()
    assert shown == "train/rose/1.jpg -> _removed/train/rose/1.jpg"
    assert last == "1 photo would move; nothing was changed"
    assert set(photos(data)) == set(PHOTOS)
    assert not (data / FOLDER).exists()


def test_the_same_list_again_finishes_it(data, capsys):
    moves = [Move("train/rose/1.jpg", "rose", "_removed"), Move("test/rose/7.jpg", "rose", "_removed")]
    relabel(data, *moves)
    (data / "_removed/test/rose/7.jpg").rename(data / "test/rose/7.jpg")  # as if it had been killed before
    other = Move("train/tulip/1.jpg", "tulip", "rose")
    write_moves([other], data.parent / "other.csv")
    assert main(["relabel", str(data.parent / "other.csv"), "--data", str(data)]) == 2
    assert "another list is applied in part: give it again" in capsys.readouterr().err
    assert relabel(data, *moves) == 0
    assert "1 photo moved, 1 had been;" in capsys.readouterr().out
    assert main(["relabel", str(data.parent / "other.csv"), "--data", str(data)]) == 0
    assert relabel(data, *moves, options=["--undo"]) == 2
    assert "moves.csv is not the list that was applied last" in capsys.readouterr().err


def test_a_class_is_found_composed_or_decomposed(data):
    (data / "train/cafe\u0301").mkdir()
    assert relabel(data, Move("train/rose/1.jpg", "rose", "caf\u00e9")) == 0
    assert "train/cafe\u0301/1.jpg" in photos(data)


def test_a_folder_around_everything_may_have_the_name_of_a_class(data):
    data.rename(data.parent / "inside")
    data.mkdir()
    (data.parent / "inside").rename(data / "rose")
    assert relabel(data, Move("rose/train/rose/1.jpg", "rose", "tulip")) == 0
    assert "rose/train/tulip/1-2.jpg" in photos(data)


def test_a_class_for_what_is_none_of_the_others_may_be_new(data):
    assert relabel(data, Move("train/rose/1.jpg", "rose", "_none")) == 0
    assert "train/_none/1.jpg" in photos(data)


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (Move("train/rose/9.jpg", "rose", "tulip"), "train/rose/9.jpg is not in"),
        (Move("train/rose", "rose", "tulip"), "train/rose is not in"),
        (Move("train/rose/1.jpg", "tulip", "lily"), "train/rose/1.jpg lies in no folder 'tulip'"),
        (Move("train/rose/1.jpg", "rose", "lily"), "there is no class 'lily' beside 'rose'"),
        (Move("train/linked/1.jpg", "linked", "rose"), "train/linked is a link"),
        (Move("train/rose/link.jpg", "rose", "tulip"), "train/rose/link.jpg is a link"),
        (Move("train/rose/1.jpg", "rose", "linked"), "train/linked is a link"),
    ],
)
def test_moves_that_cannot_be_are_refused_before_any_is_made(data, capsys, move, message):
    (data.parent / "elsewhere").mkdir()
    (data.parent / "elsewhere/1.jpg").write_text("of another")
    (data / "train/linked").symlink_to(data.parent / "elsewhere")
    (data / "train/rose/link.jpg").symlink_to(data.parent / "elsewhere/1.jpg")
    assert relabel(data, Move("test/rose/7.jpg", "rose", "_removed"), move) == 2
    assert message in capsys.readouterr().err
    assert "test/rose/7.jpg" in photos(data)
    assert not (data / FOLDER).exists()


def test_a_zip_file_is_to_be_unpacked_first(tmp_path, capsys):
    zipfile.ZipFile(tmp_path / "photos.zip", "w").close()
    write_moves([], tmp_path / "moves.csv")
    assert relabel(tmp_path / "photos.zip", Move("a/1.jpg", "a", "b")) == 2
    assert "photos.zip is no folder: unpack a zip file first" in capsys.readouterr().err


def test_what_is_missing_is_said(data, capsys):
    assert relabel(data) == 2
    assert "name the list of moves, or give --undo" in capsys.readouterr().err
    assert relabel(data, options=["--undo"]) == 2
    assert "no list was applied in" in capsys.readouterr().err
    assert main(["relabel", str(data / "none.csv"), "--data", str(data)]) == 1


def test_undo_after_a_kill_before_the_journal_removes_its_folder(data):
    (data / FOLDER).mkdir()
    (data / FOLDER / ".tmp-1.json").touch()
    assert relabel(data, options=["--undo"]) == 2
    assert not (data / FOLDER).exists()


def test_the_command_loads_no_tensorflow(data):
    code = (
        "import sys; from training.__main__ import main\n"
        f"assert main(['relabel', '--undo', '--data', {str(data)!r}]) == 2\n"
        "assert 'tensorflow' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
