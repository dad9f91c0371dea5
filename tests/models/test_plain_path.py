import pytest

from models.plain_path import plain_path


@pytest.mark.parametrize("name", ["pets[v1]", "a*", "b?", "{c}", "d\\e"])
def test_what_looks_like_a_pattern_gets_another_name_for_the_block(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("here")
    with plain_path(folder) as plain:
        assert not set(str(plain)) & set("*?[]{}\\")
        assert (plain / "file").read_text() == "here"
    assert not plain.exists()
    assert (folder / "file").exists()


def test_an_ordinary_path_is_left_as_it_is(tmp_path):
    with plain_path(tmp_path) as plain:
        assert plain == tmp_path
