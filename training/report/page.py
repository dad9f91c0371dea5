"""Fill a template in as one HTML page that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent

# Characters that XML and HTML have no way to write, not even escaped.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Replace what XML and HTML cannot hold, such as control characters, by U+FFFD."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def can_hold(name: str) -> bool:
    """Tell if a script in a page gets a name as it is: of the ends of lines HTML knows one."""
    return printable(name) == name and "\r" not in name


def render(template: Path, **values: Any) -> str:
    """Fill a template in; it may include the files beside it, and `style.css`, which all pages share."""
    templates = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return printable(templates.get_template(template.name).render(values)) + "\n"
