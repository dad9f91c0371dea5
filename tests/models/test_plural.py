import pytest

from models.plural import how_many


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (1, ["file"], "1 file"),
        (0, ["file"], "0 files"),
        (1804, ["photo"], "1,804 photos"),
        (1, ["class", "classes"], "1 class"),
        (2, ["class", "classes"], "2 classes"),
    ],
)
def test_one_is_singular(number, words, said):
    assert how_many(number, *words) == said
