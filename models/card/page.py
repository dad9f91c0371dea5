"""Fill in the pages of cards: as a server sends them, or as a file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.card.reliability import SIDE, points
from models.card.sentences import Sentences, sentences
from models.card.told import mapping, text
from models.operating.figures import FEW
from models.report import size
from models.words import DEFAULT

HERE = Path(__file__).parent
STATIC = HERE / "static"
STYLES = ("palette.css", "card.css")
MAX_MATRIX_CLASSES = 20
MAX_PAIRS = 20
MAX_OPEN_ROWS = 30
NUM_SHADES = 9
OF_SLIDER = ("slider_accepting", "slider_nothing", "percent", "interval")


def render_card(
    card: Mapping[str, Any],
    *,
    language: str = DEFAULT,
    state: str | None = None,
    style_urls: Sequence[str] = (),
    script_url: str | None = None,
    icon_url: str | None = None,
    cards_url: str | None = None,
    url_of: Callable[[str], str | None] = lambda _: None,
    picture_of: Callable[[int], str] = str,
) -> str:
    """Return the page of a card.

    Args:
        card: of `models.card.card.card_of`, with what a server adds.
        language: of its words, one of `models.words.LANGUAGES`.
        state: whether it is served, in words of that language.
        style_urls: where the styles are; none puts them into the page.
        script_url: likewise the script.
        icon_url: where the icon of the site is; None where there is none.
        cards_url: of the list of cards; None where there is none.
        url_of: finds the card of "name:version"; None where it has none.
        picture_of: finds the address of an example picture by its number.
    """
    where = {"style_urls": style_urls, "script_url": script_url, "icon_url": icon_url, "cards_url": cards_url}
    inside = {
        "style": "" if style_urls else "".join((STATIC / name).read_text() for name in STYLES),
        "script": None if script_url else (STATIC / "card.js").read_text(),
    }
    found = {"url_of": url_of, "picture_of": picture_of}
    page = _templates().get_template("card.html")
    return page.render(state=state, **_facts(card, sentences(language)), **where, **inside, **found)


def _facts(card: Mapping[str, Any], say: Sentences) -> dict[str, Any]:
    """Return what a card says, as its page shows it."""
    return {
        "card": card,
        "reference": f"{card['model']}:{card['version']}",
        "t": say.words,
        "say": say,
        "said": say.said(card),
        "measured": [row for row in card["classes"] if row["num_images"]],
        "unmeasured": _unmeasured(card),
        "matrix": _matrix(card),
        "curve": _curve(card),
        "slider_words": {key: say.words.texts[key] for key in OF_SLIDER},
        "few": FEW,
        "few_accepted": _few_accepted(card),
        "points": points(card["reliability"]),
        "side": SIDE,
        "times": _times(card, say),
        "weights": text(mapping(card["made"]["weights"]).get("package")),
        "published": max((step["created"][:10] for step in card["steps"] if step["created"]), default=None),
        "packages": [f"{name} {version}" for name, version in card["made"]["packages"].items()],
        "examples": _by_label(card),
        "max_pairs": MAX_PAIRS,
        "max_open_rows": MAX_OPEN_ROWS,
    }


def render_list(
    models: Sequence[Mapping[str, Any]],
    *,
    style_urls: Sequence[str],
    icon_url: str,
    home_url: str,
    language: str = DEFAULT,
) -> str:
    """Return the page that lists versions, as `GET /models` has them."""
    say = sentences(language)
    return (
        _templates()
        .get_template("list.html")
        .render(models=models, style_urls=style_urls, icon_url=icon_url, home_url=home_url, say=say, t=say.words)
    )


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {
        "size": size,
        "number": lambda number: "-" if number is None else f"{number:,}",
    }
    templates.globals |= {"code": Markup("<code>{}</code>").format, "link": _link}
    return templates


def _link(url: str | None, words: str) -> Markup | str:
    return words if url is None else Markup('<a href="{}">{}</a>').format(url, words)


def _unmeasured(card: Mapping[str, Any]) -> list[str]:
    """Return the classes of which there are no figures."""
    rows = card["classes"]
    return [row["label"] for row in rows if not row["num_images"]] if rows else list(card["labels"])


def _few_accepted(card: Mapping[str, Any]) -> int:
    """Count the classes of which too few answers are accepted to say what their threshold gives."""
    rows = (card["operating_point"] or card["operating_curve"] or {"classes": ()})["classes"]
    taken = [row["num_accepted"] for row in rows if row["threshold"] is not None]
    return sum(number is not None and number < FEW for number in taken)


def _times(card: Mapping[str, Any], say: Sentences) -> list[str]:
    """Say what pictures took on average on the server that shows the card."""
    here = card["measured_here"] or {}
    found = {key: here.get(f"{key}_ms") for key in ("decode", "queue", "inference")}
    return [say.words.plain(f"time_{key}", time=f"{ms:.1f}") for key, ms in found.items() if ms is not None]


def _curve(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the script works with, without the tables that stand on the page."""
    whole = card["operating_curve"]
    names = ("thresholds", "num_images", "num_accepted", "num_right")
    return whole and {name: whole[name] for name in names}


def _by_label(card: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the example pictures of each class."""
    found: dict[str, list[dict[str, Any]]] = {}
    for picture in card["examples"]["pictures"] if card["examples"] else ():
        found.setdefault(picture["label"], []).append(picture)
    return found


def _matrix(card: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of the confusion matrix, in the order of the labels, with shades; None of too many classes."""
    rows = {row["label"]: row for row in card["classes"]}
    labels = [label for label in rows if rows[label]["num_images"]]
    if not labels or not len(labels) == len(card["classes"]) <= MAX_MATRIX_CLASSES:
        return None
    labels.sort()
    cells = {(pair["label"], pair["answer"]): pair["num_images"] for pair in card["confusions"]["pairs"]}
    return [
        {
            "label": label,
            "num_images": rows[label]["num_images"],
            "cells": [
                {
                    "answer": answer,
                    "num_images": (
                        number := rows[label]["num_right"] if answer == label else cells.get((label, answer), 0)
                    ),
                    # By the root, so that few that are confused are told from none.
                    "shade": math.ceil(NUM_SHADES * math.sqrt(number / rows[label]["num_images"])),
                    "is_right": answer == label,
                }
                for answer in labels
            ],
        }
        for label in labels
    ]
