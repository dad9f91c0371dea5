"""Says what a version is worth, what it is bad at and what it is for, in sentences for whoever has to decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from models.plural import how_many

MAX_NAMED = 12
NUM_WORST = 3
NUM_PAIRS = 3
FEW_IMAGES = 100


def of_hundred(fraction: float) -> str:
    """Say a fraction as a number out of 100: "94", "fewer than 1", "more than 99"."""
    number = round(100 * fraction)
    if number == 0 and fraction > 0:
        return "fewer than 1"
    return "more than 99" if number == 100 and fraction < 1 else f"{number}"


def interval_words(interval: Sequence[float] | None) -> str:
    """Say an interval out of 100: "93.4 to 94.7"."""
    return "" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def summary(card: dict[str, Any]) -> list[str]:
    """Return what it says of a picture, and how often it is right."""
    labels, accuracy = card["labels"], card["accuracy"]
    named = f": {', '.join(labels)}" if len(labels) <= MAX_NAMED else ""
    lines = [f"It says which of {how_many(len(labels), 'class', 'classes')} a picture shows{named}."]
    if accuracy is None:
        return [*lines, "How often it is right is not known: nobody measured it, or the manifest does not say."]
    of_images = ""
    if accuracy["num_images"] is not None:
        within = interval_words(accuracy["intervals"].get("top1"))
        of_images = f" ({within}; {how_many(accuracy['num_images'], 'test picture')})"
    lines.append(f"Of 100 pictures it is right about {of_hundred(accuracy['top1'])}{of_images}.")
    if card["data"]["measured_on"]:
        lines.append(f"Measured on {card['data']['measured_on']}.")
    if accuracy.get("ece") is not None:
        lines.append(
            f"What it says of its own sureness is off by {100 * accuracy['ece']:.1f} points on average "
            f"({interval_words(accuracy['intervals'].get('ece')) or 'interval not known'}): "
            f"of the answers that say 80\N{NO-BREAK SPACE}%, about 80 of 100 are right{_roughly(accuracy['ece'])}."
        )
    return lines


def weaknesses(card: dict[str, Any], worst: Sequence[dict[str, Any]]) -> list[str]:
    """Return what it is bad at, the worst first, so far as the test pictures show it."""
    lines = [
        f"{row['label']}: of 100 such pictures it recognises about {of_hundred(row['recall'])} "
        f"({interval_words(row['recall_interval'])}; {how_many(row['num_images'], 'test picture')}){_mostly(row)}."
        for row in worst[:NUM_WORST]
    ]
    measured = [row for row in card["classes"] if row["num_images"]]
    if not measured:
        return ["Which classes it is bad at is not known: its answers were not counted by class."]
    if not worst:
        lines.append("No class is surely worse than the others; the test pictures are too few to tell, or it is even.")
    if len(worst) > NUM_WORST:
        lines.append(f"{len(worst) - NUM_WORST} more are surely below its average: the table of classes has them.")
    if pairs := card["confusions"]["pairs"][:NUM_PAIRS]:
        told = "; ".join(
            f"{pair['label']} taken for {pair['answer']} ({pair['num_images']} of {pair['of']})" for pair in pairs
        )
        lines.append(f"What it confuses most: {told}.")
    if unknown := len(card["classes"]) - len(measured):
        lines.append(f"Of {how_many(unknown, 'class', 'classes')} nothing is known: there was no test picture of them.")
    if few := sum(row["num_images"] < FEW_IMAGES for row in measured):
        lines.append(
            f"{how_many(few, 'class has', 'classes have')} fewer than {FEW_IMAGES} test pictures: "
            "look at the intervals, not at the figures alone."
        )
    return lines


def intended(card: dict[str, Any]) -> dict[str, list[str]]:
    """Return what it is for, and what not, by what is known of it."""
    pixels, data, accuracy = card["input"], card["data"], card["accuracy"]
    like = f" like those of {data['name']}" if data["name"] else ""
    doubt = (
        'its answer says "unsure" where that is likely, which catches some of them and not all'
        if card["unsure_below"] is not None
        else "nothing in its answer tells"
    )
    wrong = ""
    if accuracy:
        wrong = f" It is wrong about {of_hundred(1 - accuracy['top1'])} of 100 pictures."
    return {
        "is_for": [
            f"Sorting pictures{like} into its classes, one class a picture.",
            "Finding the pictures of which it is sure, and leaving the others to a person (operating point, below)."
            if card["operating_curve"]
            else "Finding the pictures of which it is sure, and leaving the others to a person.",
        ],
        "is_not_for": [
            f"Pictures of anything else: it names one of its classes all the same, and {doubt}.",
            "Several things in one picture, where they are, or how many.",
            f"What cannot be seen at {pixels['width_px']} x {pixels['height_px']} pixels, to which it scales pictures.",
            "Pictures made otherwise than its test pictures (another camera or place): measure it on yours first.",
            f"Decisions that harm somebody when it is wrong, unless a person looks.{wrong}",
        ],
    }


def _roughly(error: float) -> str:
    return "" if error < 0.05 else f", give or take {math.ceil(100 * error)}"


def _mostly(row: dict[str, Any]) -> str:
    if not row["taken_for"]:
        return ""
    first = row["taken_for"][0]
    return f", and takes it for {first['label']} most often ({first['num_images']} of {row['num_images']})"
