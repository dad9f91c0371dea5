"""Fill in the pages of cards: as a server sends them, or as a file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.card.reliability import SIDE, points
from models.card.words import interval_words, of_hundred
from models.plural import how_many
from models.report import size

HERE = Path(__file__).parent
STATIC = HERE / "static"
MAX_MATRIX_CLASSES = 20
MAX_PAIRS = 50
MAX_OPEN_ROWS = 30
NUM_SHADES = 9


def render_card(
    card: Mapping[str, Any],
    *,
    style_url: str | None = None,
    script_url: str | None = None,
    cards_url: str | None = None,
    url_of: Callable[[str], str | None] = lambda _: None,
    picture_of: Callable[[int], str] = str,
) -> str:
    """Return the page of a card.

    Args:
        card: of `models.card.card.card_of`, with what a server adds.
        style_url: where the style is; None puts it into the page.
        script_url: likewise the script.
        cards_url: of the list of cards; None where there is none.
        url_of: finds the card of "name:version"; None where it has none.
        picture_of: finds the address of an example picture by its number.
    """
    return (
        _templates()
        .get_template("card.html")
        .render(
            card=card,
            matrix=_matrix(card),
            curve=_curve(card),
            points=points(card["reliability"]),
            side=SIDE,
            style_url=style_url,
            script_url=script_url,
            style=None if style_url else (STATIC / "card.css").read_text(),
            script=None if script_url else (STATIC / "card.js").read_text(),
            cards_url=cards_url,
            url_of=url_of,
            picture_of=picture_of,
            examples=_by_label(card),
            max_pairs=MAX_PAIRS,
            max_open_rows=MAX_OPEN_ROWS,
        )
    )


def render_list(models: Sequence[Mapping[str, Any]], *, style_url: str, home_url: str) -> str:
    """Return the page that lists versions, as `GET /models` has them."""
    return _templates().get_template("list.html").render(models=models, style_url=style_url, home_url=home_url)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {
        "size": size,
        "hundred": of_hundred,
        "interval": interval_words,
        "percent": lambda fraction: "-" if fraction is None else f"{100 * fraction:.1f} %",
        "how_many": how_many,
        "number": lambda number: "-" if number is None else f"{number:,}",
    }
    return templates


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
