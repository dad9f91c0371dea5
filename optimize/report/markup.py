"""HTML and SVG put together from elements; every text and attribute is escaped."""

from __future__ import annotations

import html
import re

_VOID = {"meta", "br", "wbr"}
# Characters that XML has no way to write, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Attribute = str | float | None


class Markup(str):
    """Text that is markup already, and not escaped again."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: Attribute) -> Markup:
    """One element.

    Args:
        name: of the tag.
        children: markup as it is, any other text escaped.
        attributes: `class_` stands for class, and an underscore for a hyphen; those that are None are left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    opening = "".join(f' {key}="{escaped(_text(value))}"' for key, value in given.items())
    if name in _VOID:
        return Markup(f"<{name}{opening}>")
    return Markup(f"<{name}{opening}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Markup:
    """One after the other: markup as it is, any other text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def escaped(text: str) -> Markup:
    """Text made safe between tags and in attributes."""
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", text), quote=True))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
