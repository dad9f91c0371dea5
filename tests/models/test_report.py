import pytest
from small_artifacts import small_manifest

from models.report import accuracy, accuracy_in_words, calibration, percent, size, table, without_vnni
from models.store.calibration import Calibration
from models.store.manifest import ModelFile


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_449_000, "1.4 MB"),
        (25_600_000_000, "25.6 GB"),
        (3 * 10**12, "3.0 TB"),
    ],
)
def test_size_has_the_unit_that_fits(num_bytes, text):
    assert size(num_bytes) == text


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"top1": 0.5, "int8": {"top1": 0.9}, "float32": {"top1": 0.95}}, 0.9),  # the file's own, where it has one
        ({"top1": 0.5, "float32": {"top1": 0.95}}, 0.5),
        ({"accuracy": 0.4}, 0.4),
        ({"int8": {"top1": True}}, None),
    ],
)
def test_accuracy_is_that_of_the_file_or_else_of_the_model(metrics, expected):
    assert accuracy(small_manifest(metrics=metrics)) == expected


def test_calibration_says_what_it_was_fitted_on():
    assert calibration(small_manifest()) == "-"
    fitted = Calibration(num_images=375, temperature=0.73456, unsure_below=0.41, scores=(0.1, 0.2))
    text = "temperature 0.7346, unsure below 0.41, 2 scores of 375 images"
    assert calibration(small_manifest(calibration=fitted)) == text


@pytest.mark.parametrize(
    ("saturates", "said"),
    [(None, "-"), (False, "no products saturate"), (True, "products may saturate in OpenVINO")],
)
def test_what_becomes_of_products_without_vnni_is_told_where_it_is_known(saturates, said):
    formats = {"litert": ModelFile("m", "int8", saturates), "tensorflow": ModelFile("s", "float16")}
    assert without_vnni(small_manifest(formats=formats)) == said


def test_percent():
    assert percent(0.93421) == "93.42 %"
    assert percent(None) == "-"


def test_columns_are_as_wide_as_their_widest_cell():
    assert table(["A", "LONG"], [["wide", "1"], ["x", ""]]) == "A     LONG\nwide  1\nx"


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            {"top1": 0.92, "num_images": 375, "intervals": {"top1": [0.888, 0.943]}},
            "92.00 % of 375 test images (88.80 to 94.30)",
        ),
        ({"top1": 0.92, "num_images": 1}, "92.00 % of 1 test image"),
        ({"top1": 0.92}, "92.00 %"),
    ],
)
def test_accuracy_is_told_with_its_images_and_interval(figures, said):
    assert accuracy_in_words(small_manifest(metrics={"int8": figures})) == said
