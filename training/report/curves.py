"""Draw how a run learned: loss, accuracy and learning rate over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from training.history import EpochRecord
from training.report.svg import ACCENT, GRID, SECOND, SOFT, SURFACE, drawing, inlined

WIDTH_PX, HEIGHT_PX = 400, 260


def curves(records: Sequence[EpochRecord]) -> list[Markup]:
    """Draw a figure each for loss, accuracy and learning rate; none before the first epoch."""
    if not records:
        return []
    lines = {
        "loss": {
            "training": [record.train_loss for record in records],
            "validation": [record.validation_loss for record in records],
        },
        "right labels, %": {
            "training": [100 * record.train_accuracy for record in records],
            "validation": [100 * record.validation_accuracy for record in records],
        },
        "learning rate": {"": [record.lr for record in records]},
    }
    epochs = [record.epoch for record in records]
    return [_curve(title, epochs, values) for title, values in lines.items()]


def _curve(title: str, epochs: Sequence[int], lines: dict[str, list[float]]) -> Markup:
    with drawing(WIDTH_PX, HEIGHT_PX, salt=title) as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        axes.set_facecolor(SURFACE)
        mark = "o-" if len(epochs) == 1 else "-"  # a line needs two points
        for (name, values), colour in zip(lines.items(), (SECOND, ACCENT), strict=False):
            axes.plot(epochs, values, mark, color=colour, label=name or None, linewidth=2)
        axes.set_title(title, color=SOFT, fontsize=12, loc="left")
        axes.set_xlabel("epoch", color=SOFT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
        axes.grid(color=GRID)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelcolor=SOFT, labelsize=11)
        if len(lines) > 1:
            axes.legend(frameon=False, labelcolor=SOFT, fontsize=11)
        last = ", ".join(f"{name or title} {values[-1]:.4g}" for name, values in lines.items())
        return inlined(figure, description=f"{title} over the epochs; at the end {last}")
