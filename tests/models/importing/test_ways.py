import pytest
from foreign_files import dark_and_bright_photos, dark_or_bright, dense

from models.importing.fit import Fitting
from models.importing.litert_file import Wanted, as_classifier
from models.importing.photos import open_photos
from models.importing.pixel_range import AS_QUANTIZED, PixelRange
from models.importing.refused import ForeignModelRefused
from models.importing.ways import Way, about, ranges_to_try, try_ways

LABELS = ("dark", "bright")


@pytest.fixture
def photos(tmp_path):
    return open_photos(dark_and_bright_photos(tmp_path / "photos"), LABELS)


def made(content, names):
    return [(name, as_classifier(content, Wanted(LABELS, name))) for name in names]


def test_the_range_that_gets_most_right_is_first(tmp_path, photos):
    content = dark_or_bright(tmp_path / "a.tflite").read_bytes()
    names = [PixelRange(name) for name in ("-1..1", "0..1", "0..255", "imagenet")]
    said = []
    found = try_ways(made(content, names), [Fitting("crop", 0.875), Fitting("stretch")], photos, say=said.append)
    assert said == ["trying 4 ranges and 2 fits on 24 photos"]
    assert [(str(each.way.range), str(each.way.fitting), each.num_right) for each in found[:3]] == [
        ("0..1 RGB", "crop:0.875", 24),
        ("0..1 RGB", "stretch", 24),
        ("imagenet RGB", "crop:0.875", 17),
    ]
    assert found[0].to_dict() | {"loss": 0} == {
        "range": "0..1",
        "channels": "RGB",
        "fit": "crop:0.875",
        "resample": "bilinear",
        "num_right": 24,
        "num_images": 24,
        "loss": 0,
        "interval": [0.862019, 1.0],
    }
    table = about(found)
    assert table.splitlines()[0].split() == ["RANGE", "CHANNELS", "FIT", "RIGHT", "(95", "%", "INTERVAL)", "LOSS"]
    assert "100.0 % of 24 photos (86.2 to 100.0)" in table
    assert table.endswith("these photos are too few to tell it from 0..1 RGB stretch")


def test_no_better_than_chance_is_refused(tmp_path, photos):
    content = dense(tmp_path / "a.tflite", num_classes=2).read_bytes()
    with pytest.raises(ForeignModelRefused, match=r"no way gives more than chance: the best, 0\.\.1 RGB crop, is"):
        try_ways(made(content, [PixelRange("0..1")]), [Fitting()], photos, say=lambda _: None)


def test_what_is_given_is_not_tried():
    assert ranges_to_try(PixelRange("0..1"), None) == [PixelRange("0..1"), PixelRange("0..1", "BGR")]
    assert ranges_to_try(None, "BGR")[-1] == PixelRange(AS_QUANTIZED, "BGR")
    assert len(ranges_to_try(None, None)) == len(ranges_to_try(None, None, "0..1")) == 12
    assert ranges_to_try(None, "RGB", "-0.5..1")[0] == PixelRange("-0.5..1")


@pytest.mark.parametrize(
    ("way", "typed"),
    [
        (Way(PixelRange("-1..1"), Fitting("crop", 0.875)), "--range -1..1 --fit crop:0.875"),
        (Way(PixelRange("caffe", "BGR"), Fitting("stretch")), "--range caffe --fit stretch"),
        (Way(PixelRange("0..1", "BGR"), Fitting()), "--range 0..1 --channels BGR --fit crop"),
        (Way(PixelRange(AS_QUANTIZED), Fitting("crop", 1, "bicubic")), "--fit crop --resample bicubic"),
    ],
)
def test_a_way_is_written_as_it_is_typed(way, typed):
    assert way.arguments() == typed
