import pytest

from models.importing.fit import Fitting
from models.pixels.spec import PixelSpec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("stretch", PixelSpec(4, 6, "stretch")),
        ("crop", PixelSpec(4, 6, "crop")),
        ("crop:0.875", PixelSpec(4, 6, "crop", 0.875)),
    ],
)
def test_what_is_typed_becomes_a_spec_and_is_written_alike(text, spec):
    fitting = Fitting.parse(text)
    assert fitting.spec(4, 6) == spec
    assert str(fitting) == text


def test_the_filter_is_the_one_asked_for():
    assert Fitting.parse("crop", "bicubic").spec(1, 1).resample == "bicubic"


@pytest.mark.parametrize("text", ["pad", "crop:", "crop:0", "crop:1.5", "stretch:0.5", "crop:nan"])
def test_another_fit_is_refused(text):
    with pytest.raises(ValueError, match="a fit must be stretch, crop, or crop:F"):
        Fitting.parse(text)
