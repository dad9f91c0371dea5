import pytest

from training.moves import Move, read_moves, write_moves

MOVES = [
    Move("train/rose/a, b.jpg", "rose", "tulip", 'it says "tulip"\nby 93 %'),
    Move("train/猫/0.jpg", "猫", "_removed"),
    Move("train/rose/\udcff.jpg", "rose", "=tulip"),  # a name that is not UTF-8
]


def test_a_list_comes_back_as_it_was_written(tmp_path):
    write_moves(MOVES, tmp_path / "moves.csv")
    assert read_moves(tmp_path / "moves.csv") == MOVES
    assert (tmp_path / "moves.csv").read_bytes().startswith(b"path,from,to,why\r\n")


def test_a_list_that_excel_saved_is_read(tmp_path):
    (tmp_path / "moves.csv").write_bytes("\ufeffpath;from;to\r\nrose/é.jpg;rose;tulip\r\n".encode())
    assert read_moves(tmp_path / "moves.csv") == [Move("rose/é.jpg", "rose", "tulip")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_list_with_tabs_and_emptied_rows_is_read(tmp_path, encoding):
    (tmp_path / "moves.csv").write_bytes("path\tfrom\tto\r\n\t\t\r\né.jpg\ta\tb\r\n".encode(encoding))
    assert read_moves(tmp_path / "moves.csv") == [Move("é.jpg", "a", "b")]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
@pytest.mark.parametrize(("mark", "end"), [("", "\n"), ("\ufeff", "\r\n"), ("", "\r")])
def test_a_first_line_that_names_the_separator_is_none_of_the_list(tmp_path, line, mark, end):
    rows = (line, "path;from;to;why", "rose/é, 1.jpg;rose;tulip;0,93")
    (tmp_path / "moves.csv").write_bytes((mark + end.join(rows) + end).encode())
    assert read_moves(tmp_path / "moves.csv") == [Move("rose/é, 1.jpg", "rose", "tulip", "0,93")]


def test_a_line_is_counted_as_in_the_file(tmp_path):
    (tmp_path / "moves.csv").write_text("sep=,\npath,from,to\na/1.jpg,a,a\n")
    with pytest.raises(ValueError, match=r"line 3: a/1\.jpg is in a already"):
        read_moves(tmp_path / "moves.csv")


def test_another_encoding_can_be_chosen(tmp_path):
    (tmp_path / "moves.csv").write_bytes("path;from;to\r\nRosé/1.jpg;Rosé;Äpfel\r\n".encode("cp1252"))
    assert read_moves(tmp_path / "moves.csv", "cp1252") == [Move("Rosé/1.jpg", "Rosé", "Äpfel")]


def test_a_photo_that_is_marked_twice_moves_once(tmp_path):
    (tmp_path / "moves.csv").write_text("path,from,to,why\na/1.jpg,a,b,x\na/1.jpg,a,b,y\n")
    assert read_moves(tmp_path / "moves.csv") == [Move("a/1.jpg", "a", "b", "x")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "line 1: there is no column path, from, to: a list of moves has path, from, to, why"),
        ("", "line 0: there is no column path, from, to"),
        ("path,from,to\na/1.jpg,a,b\na/1.jpg,a,c\n", "line 3: a/1.jpg moves twice: to b and to c"),
        ("path,from,to\na/1.jpg,a,a\n", "line 2: a/1.jpg is in a already"),
        ("path,from,to\n/etc/passwd,etc,b\n", "line 2: the path must lead to a photo below the data folder"),
        ("path,from,to\na/../../1.jpg,a,b\n", "must lead to a photo below the data folder, got 'a/../../1.jpg'"),
        ("path,from,to\na//1.jpg,a,b\n", "must lead to a photo below the data folder"),
        ("path,from,to\n,a,b\n", "must lead to a photo below the data folder"),
        ("path,from,to\na/1\0.jpg,a,b\n", "must lead to a photo below the data folder"),
        ("path,from,to\na/1.jpg,a,../b\n", "a class is one folder: 'a/1.jpg' to '../b'"),
        ("path,from,to\na/1.jpg,a,b/c\n", "a class is one folder"),
        ("path,from,to\na/1.jpg,a,\n", "a class is one folder"),
        ("path,from,to\n.relabel/1.json,.relabel,b\n", "no hidden file or folder can move"),
        ('path,from,to\n"a/1.jpg"x,a,b\n', "',' expected after"),
    ],
)
def test_what_is_no_list_of_moves_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "moves.csv").write_text(text)
    with pytest.raises(ValueError, match=r"^moves\.csv, line") as refused:
        read_moves(tmp_path / "moves.csv")
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["path,from,to,why\n", "path,from,to\n\n,,\n"])
def test_list_that_names_no_photo_is_refused_as_there_would_be_nothing_to_undo(tmp_path, text):
    (tmp_path / "moves.csv").write_text(text)
    with pytest.raises(ValueError, match=r"^moves\.csv names no photo to move: mark some on the report"):
        read_moves(tmp_path / "moves.csv")
