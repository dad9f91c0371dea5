import numpy as np
import pytest

from models.importing.pixel_range import AS_QUANTIZED, PixelRange

PIXEL = np.array([255, 0, 51], np.uint8)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("0..255", [255, 0, 51]),
        ("0..1", [1, 0, 0.2]),
        ("-1..1", [1, -1, -0.6]),
        ("-127.5..127.5", [127.5, -127.5, -76.5]),
        ("imagenet", [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]),
    ],
)
def test_a_pixel_becomes_numbers_of_the_range(name, numbers):
    np.testing.assert_allclose(PixelRange.parse(name).apply(PIXEL), numbers, rtol=1e-5)


def test_caffes_range_is_minus_the_mean_with_blue_first():
    np.testing.assert_allclose(
        PixelRange.parse("caffe").apply(PIXEL), [51 - 103.939, -116.779, 255 - 123.68], rtol=1e-5
    )
    red_first = PixelRange.parse("caffe", "RGB").apply(PIXEL)
    np.testing.assert_allclose(red_first, [255 - 123.68, -116.779, 51 - 103.939], rtol=1e-5)


def test_any_range_may_have_blue_first():
    np.testing.assert_allclose(PixelRange("0..1", "BGR").apply(PIXEL), [0.2, 0, 1])


def test_gray_is_the_luminance_of_three_channels():
    gray = PixelRange("-1..1").apply(PIXEL, num_channels=1)
    np.testing.assert_allclose(gray, [2 * (0.299 * 255 + 0.114 * 51) / 255 - 1], rtol=1e-5)


def test_a_range_by_channel_is_none_of_gray_pictures():
    with pytest.raises(
        ValueError, match="the range imagenet is of three channels, and the network takes gray pictures"
    ):
        PixelRange("imagenet").affine(1)


@pytest.mark.parametrize("name", ["1..0", "0..", "torch", "0..1..2", ""])
def test_another_range_is_refused(name):
    with pytest.raises(ValueError, match=r"a range must be one of -1\.\.1, 0\.\.1, 0\.\.255 or other ends, imagenet"):
        PixelRange(name)


def test_json_gives_the_range_back():
    given = PixelRange(AS_QUANTIZED, "BGR")
    assert PixelRange.from_dict(given.to_dict()) == given
    assert str(given) == "as quantized BGR"
