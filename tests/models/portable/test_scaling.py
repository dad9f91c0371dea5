import numpy as np
import pytest
from PIL import Image

from models.pixels.fitting import Box
from models.portable.scaling import sampled

RAMP = Image.fromarray(np.repeat(np.arange(0, 80, 10, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(8, axis=0))
WHOLE = Box(0, 0, 8, 8)


@pytest.mark.parametrize(
    ("num_taps", "centred", "row"),
    [
        (1, True, [20, 60]),
        (1, False, [0, 40]),
        (2, True, [15, 55]),
        (2, False, [0, 40]),
        (4, True, [15, 55]),
    ],
)
def test_each_pixel_is_read_at_its_one_place(num_taps, centred, row):
    pixels = sampled(num_taps, centred=centred)(RAMP, WHOLE, (2, 4))
    assert pixels.shape == (4, 2, 3)
    assert (pixels == np.array(row)[None, :, None]).all()


@pytest.mark.parametrize("num_taps", [1, 2, 4])
def test_a_picture_of_the_target_size_stays(num_taps):
    assert (sampled(num_taps)(RAMP, WHOLE, (8, 8)) == np.asarray(RAMP)).all()


def test_the_cut_begins_at_a_whole_pixel_and_keeps_its_size():
    pixels = sampled(1)(RAMP, Box(2.5, 0, 5.5, 3), (3, 3))
    assert pixels[0, :, 0].tolist() == [20, 30, 40]
