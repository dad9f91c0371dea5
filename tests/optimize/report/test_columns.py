import pytest
from small_reports import plain, usual_report

from optimize.report.columns import COLUMNS, count, number, points, times


@pytest.mark.parametrize(
    ("value", "text"),
    [(2140.4, "2,140"), (123.4, "123"), (11.44, "11.4"), (1.234, "1.23"), (0.9314, "0.931"), (0.0432, "0.0432")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12"), (999, "999"), (272_474, "272 k"), (40_800_000, "40.8 M"), (4_100_000_000, "4.10 G")]
)
def test_counts_have_their_unit(value, text):
    assert count(value) == text


def test_differences_have_a_sign_unless_there_is_none():
    assert [plain(points(value)) for value in (0.123, -1.5, 0.001, -0.001)] == ["+0.12", "-1.50", "±0", "±0"]
    assert plain(times(None)) == "-"


def test_every_column_says_its_figure_and_its_change():
    base, row = usual_report().rows
    said = {column.title: (column.value(row), plain(column.against(row, base))) for column in COLUMNS}
    assert said == {
        "top-1": ("92.00 % [91.5 to 92.5]", "-1.00 ± 0.23"),
        "top-5": ("99.00 %", "±0"),
        "ECE": ("5.00 %", "±0"),
        "agreement": ("98.30 %", "-120 +20"),
        "one core": ("0.600 ms", "x0.50"),
        "all cores": ("0.300 ms", "x0.50"),
        "throughput": ("4,000/s", "x2.00"),
        "memory": ("2.5 MB", "x0.50"),
        "file": ("600.0 kB", "x0.50"),
        "gzip": ("500.0 kB", "x0.50"),
        "MACs": ("20.4 M", "x0.50"),
        "parameters": ("135 k", "x0.50"),
        "sparsity": ("50.00 %", "±0"),
    }
