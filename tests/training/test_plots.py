from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from training.history import EpochRecord
from training.plots import plot_confusion, plot_curves

MATRIX = np.array([[6, 2, 0], [0, 0, 0], [1, 0, 3]])


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures that were saved."""
    figures = []
    savefig = Figure.savefig

    def save(figure: Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", save)
    return figures


def record(epoch: int, **figures: float) -> EpochRecord:
    values = {"num_steps_done": 3 * epoch, "images_per_s": 1.0, **figures}
    return EpochRecord(epoch=epoch, **values)


def assert_png(path: Path) -> None:
    with Image.open(path) as image:
        assert image.format == "PNG"
        image.load()


def test_curves_show_each_figure_over_its_epoch(tmp_path, figures):
    first = record(1, lr=0.1, train_loss=2.0, train_accuracy=0.25, validation_loss=1.5, validation_accuracy=0.5)
    second = record(2, lr=0.05, train_loss=1.0, train_accuracy=0.75, validation_loss=0.5, validation_accuracy=0.875)
    plot_curves([first, second], tmp_path / "curves.png")
    assert_png(tmp_path / "curves.png")
    lines = {
        axes.get_title(): {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for axes in figures[0].axes
    }
    training, validation = lines["cross-entropy"].items()
    assert training == ("training (smoothed labels)", [[1, 2.0], [2, 1.0]])
    assert validation == ("validation (averaged weights)", [[1, 1.5], [2, 0.5]])
    training, validation = lines["accuracy, %"].items()
    assert training == ("training (augmented)", [[1, 25], [2, 75]])
    assert validation == ("validation (averaged weights)", [[1, 50], [2, 87.5]])
    assert list(lines["learning rate"].values()) == [[[1, 0.1], [2, 0.05]]]


def test_confusion_shows_counts_and_each_as_the_share_of_its_row(tmp_path, figures):
    plot_confusion(MATRIX, ["a", "b", "c"], tmp_path / "confusion.png")
    assert_png(tmp_path / "confusion.png")
    [axes] = figures[0].axes
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0, 0.75]])
    counts = {(text.get_position(), text.get_text()) for text in axes.texts}
    assert counts == {((0, 0), "6"), ((1, 0), "2"), ((0, 2), "1"), ((2, 2), "3")}  # x is the predicted class
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "label")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]


def test_counts_are_legible_on_their_colour(tmp_path, figures):
    plot_confusion(MATRIX, ["a", "b", "c"], tmp_path / "confusion.png")
    colours = {text.get_text(): to_rgb(text.get_color()) for text in figures[0].axes[0].texts}
    assert colours == {"6": (1, 1, 1), "2": (0, 0, 0), "1": (0, 0, 0), "3": (1, 1, 1)}


@pytest.mark.parametrize("label", ["$5_$10", "a$x_{$"])
def test_dollar_signs_in_a_class_name_are_no_mathematics(tmp_path, figures, label):
    plot_confusion(np.eye(2, dtype=np.int64), [label, "b"], tmp_path / "confusion.png")
    assert_png(tmp_path / "confusion.png")
    [axes] = figures[0].axes
    assert [text.get_text() for text in axes.get_xticklabels()] == [label, "b"]
    assert not axes.get_xticklabels()[0].get_parse_math()


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("猫", "#1"),
        ("犬 🐶", "#1"),
        ("सेब", "#1"),
        ("\udcff", "#1"),
        ("\x07", "#1"),
        ("\n", "#1"),
        ("cafe\u0301 Ωμ", "cafe\u0301 Ωμ"),
        ("two\nlines", "two lines"),
        ("x" * 25, "x" * 23 + "…"),
    ],
)
def test_a_class_whose_name_cannot_be_shown_has_its_number(tmp_path, figures, label, shown):
    plot_confusion(np.eye(2, dtype=np.int64), [label, "b"], tmp_path / "confusion.png")  # a warning would be an error
    assert [text.get_text() for text in figures[0].axes[0].get_yticklabels()] == [shown, "b"]


def test_many_classes_have_neither_names_nor_numbers(tmp_path, figures):
    plot_confusion(np.eye(41, dtype=np.int64), [str(number) for number in range(41)], tmp_path / "confusion.png")
    [axes] = figures[0].axes
    assert not axes.texts
    assert "40" not in [text.get_text() for text in axes.get_xticklabels() if text.get_position()[0] == 1]
