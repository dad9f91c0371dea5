"""Make figures of matplotlib parts of an HTML page: they scale, turn dark with it, and have its font."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

# matplotlib writes the light colours; those of the dark take their place by a style.
SURFACE, INK, SOFT, GRID, ACCENT, SECOND = "#ffffff", "#14201f", "#55625f", "#e4eae8", "#0f766e", "#b4540a"
_DARK = {SURFACE: "#18201f", INK: "#e8efed", SOFT: "#9caaa7", GRID: "#2a3432", ACCENT: "#5cc9bd", SECOND: "#f0a35e"}
_TAG, _NUMBERED_ID, _COLOUR = re.compile("<[^>]+>"), re.compile(r' id="[\w.]+_\d+"'), re.compile(": #([0-9a-f]{6})")
_FONT = ".plot text { font-family: system-ui, 'Segoe UI', Roboto, Arial, sans-serif !important }"


@contextmanager
def drawing(width_px: int, height_px: int, *, salt: str) -> Iterator[Figure]:
    """Draw a figure in whose units 12 is the size of text in px.

    Args:
        width_px: of the picture, at which its text has 12 px.
        height_px: of the picture.
        salt: of ids, one for each picture of a page, so that two share none.
    """
    with warnings.catch_warnings(), mpl.rc_context({"font.size": 12, "svg.fonttype": "none", "svg.hashsalt": salt}):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the browser has it
        yield Figure((width_px / 72, height_px / 72), dpi=72, facecolor=SURFACE)


def inlined(figure: Figure, *, description: str) -> Markup:
    """Write a figure as an element of a page; to be called while it is being drawn."""
    written = io.StringIO()
    figure.savefig(
        written, format="svg", facecolor=SURFACE, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    svg = written.getvalue()
    root, _, drawn = svg[svg.index("<svg") :].partition(">")
    attributes = f'class="plot" role="img" aria-label="{escape(description)}"'
    root = re.sub(r'width="\S+" height="\S+"', attributes, root)
    drawn = _TAG.sub(lambda tag: _COLOUR.sub(r": var(--\1)", _NUMBERED_ID.sub("", tag[0])), drawn)
    light = "".join(f"--{colour[1:]}: {colour}; " for colour in _DARK)
    dark = "".join(f"--{colour[1:]}: {other}; " for colour, other in _DARK.items())
    style = f".plot {{ {light}}} @media screen and (prefers-color-scheme: dark) {{ .plot {{ {dark}}} }}{_FONT}"
    return Markup(f"{root}><style>{style}</style>{drawn.rstrip()}")  # noqa: S704  # matplotlib escapes names
