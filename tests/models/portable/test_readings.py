import numpy as np

from models.pixels.spec import PixelSpec
from models.portable.golden import decoded_pixels
from models.portable.painting import PAINTED
from models.portable.readings import is_transparent, is_turned, read_picture, reduction_of


def test_pictures_are_known_by_what_can_go_wrong_with_them():
    assert {name for name in PAINTED if is_turned(name)} == {"turned.jpg"}
    assert {name for name in PAINTED if is_transparent(name)} == {"alpha.png", "palette.png"}
    assert [reduction_of(name, PixelSpec(32, 32)) for name in ("landscape.jpg", "gray.jpg", "tall.png")] == [8, 8, 1]


def test_read_rightly_they_are_the_decoded_pixels():
    for name in PAINTED:
        assert np.array_equal(read_picture(name), decoded_pixels(name))


def test_a_reduced_picture_is_turned_too():
    width, height = read_picture("turned.jpg").size
    assert read_picture("turned.jpg", reduction=4).size == (width // 4, height // 4)
    assert read_picture("turned.jpg", turned=False).size == (height, width)


def test_backgrounds_are_seen_at_the_edge():
    corners = [np.asarray(read_picture("alpha.png", background=color))[0, 0] for color in ("white", "black", "")]
    assert [corner.tolist() for corner in corners] == [[255, 255, 255], [0, 0, 0], [200, 0, 200]]
