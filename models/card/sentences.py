"""Says what a version is worth, what it is bad at and what it is for, in sentences for whoever has to decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from models.card.classes import worst
from models.words import DEFAULT, Words, counted_key, read_words

LANGUAGES = Path(__file__).parent / "languages"
MAX_NAMED = 12
NUM_WORST = 3
NUM_PAIRS = 3
FEW_IMAGES = 100


class Sentences:
    """What a card says, in one language.

    Args:
        words: of that language.
    """

    def __init__(self, words: Words) -> None:
        self.words, self._say = words, words.plain

    def how_many(self, key: str, count: int) -> str:
        """Say "1 test picture", "5,000 test pictures"."""
        return self._say(counted_key(key, count), count=count)

    def of_hundred(self, fraction: float) -> str:
        """Say a fraction as a number out of 100: "about 94", "fewer than 1", "more than 99"."""
        number = round(100 * fraction)
        if number == 0 and fraction > 0:
            return self._say("fewer_than_1")
        return self._say("more_than_99") if number == 100 and fraction < 1 else self._say("about", number=number)

    def interval(self, ends: Sequence[float] | None) -> str:
        """Say an interval out of 100: "93.4 to 94.7"."""
        return "" if ends is None else self._say("interval", low=f"{100 * ends[0]:.1f}", high=f"{100 * ends[1]:.1f}")

    def percent(self, fraction: float | None) -> str:
        """Say "94.1 %"."""
        return "-" if fraction is None else self._say("percent", value=f"{100 * fraction:.1f}")

    def listed(self, texts: Sequence[str]) -> str:
        """Join texts as the language does."""
        return self._say("list_comma").join(texts)

    def said(self, card: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return all sentences of a card."""
        return {
            "summary": self.summary(card),
            "weaknesses": self.weaknesses(card, worst(card["classes"])),
            **self.intended(card),
            "against": self.against(card["made"]),
        }

    def summary(self, card: Mapping[str, Any]) -> list[str]:
        """Return what it says of a picture, and how often it is right."""
        say, labels, accuracy = self._say, card["labels"], card["accuracy"]
        which = "says_which_of" if len(labels) <= MAX_NAMED else "says_which"
        lines = [say(which, classes=self.how_many("classes", len(labels)), labels=self.listed(labels))]
        if accuracy is None:
            return [*lines, say("right_unknown")]
        number, num_images = self.of_hundred(accuracy["top1"]), accuracy["num_images"]
        if num_images is None:
            lines.append(say("right", number=number))
        else:
            within, pictures = self.interval(accuracy["intervals"].get("top1")), self._test_pictures(num_images)
            lines.append(say("right_measured", number=number, interval=within, pictures=pictures))
        if card["data"]["measured_on"]:
            lines.append(say("measured_on", what=card["data"]["measured_on"]))
        if (error := accuracy.get("ece")) is not None:
            within = self.interval(accuracy["intervals"].get("ece")) or say("interval_unknown")
            key, give = "off_by" if error < 0.05 else "off_by_roughly", math.ceil(100 * error)
            lines.append(say(key, points=f"{100 * error:.1f}", interval=within, give=give))
        return lines

    def weaknesses(self, card: Mapping[str, Any], worst: Sequence[dict[str, Any]]) -> list[str]:
        """Return what it is bad at, the worst first, so far as the test pictures show it."""
        say, measured = self._say, [row for row in card["classes"] if row["num_images"]]
        if not measured:
            return [say("bad_unknown")]
        lines = [self._recognises(row) for row in worst[:NUM_WORST]]
        if not worst:
            lines.append(say("none_worse"))
        if len(worst) > NUM_WORST:
            lines.append(self.how_many("more_worse", len(worst) - NUM_WORST))
        if pairs := card["confusions"]["pairs"][:NUM_PAIRS]:
            told = [
                say("pair", label=pair["label"], answer=pair["answer"], some=pair["num_images"], all=pair["of"])
                for pair in pairs
            ]
            lines.append(say("confuses_most", pairs=say("pair_separator").join(told)))
        if unknown := len(card["classes"]) - len(measured):
            lines.append(say("unknown_classes", classes=self.how_many("classes", unknown)))
            lines.append(say("some_classes", some=f"{len(measured):,}", all=f"{len(card['classes']):,}"))
        if few := sum(row["num_images"] < FEW_IMAGES for row in measured):
            lines.append(say(counted_key("few_pictures", few), count=few, few=FEW_IMAGES))
        return lines

    def intended(self, card: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return what it is for, and what not, by what is known of it."""
        say, pixels, data, accuracy = self._say, card["input"], card["data"], card["accuracy"]
        size = {"width": pixels["width_px"], "height": pixels["height_px"]}
        harm = say("not_harm")
        if accuracy:
            harm = say("not_harm_wrong", number=self.of_hundred(1 - accuracy["top1"]))
        is_like = data["name"] and all(row["num_images"] for row in card["classes"])
        return {
            "is_for": [
                say("for_sorting_like", data=data["name"]) if is_like else say("for_sorting"),
                say("for_sure_point" if card["operating_curve"] else "for_sure"),
            ],
            "is_not_for": [
                say("not_else" if card["unsure_below"] is None else "not_else_unsure"),
                say("not_several"),
                say("not_small", **size),
                say("not_elsewhere"),
                say("not_people"),
                harm,
            ],
        }

    def against(self, made: Mapping[str, Any]) -> list[str]:
        """Say how it compares with the first model of its line, and with what was served when it was published."""
        lines = []
        if line := made["line"]:
            within = line["interval"] and {"low": f"{line['interval'][0]:+.2f}", "high": f"{line['interval'][1]:+.2f}"}
            pictures = self.how_many("validation_pictures", line["num_images"])
            told = {"first": line["first"], "points": f"{line['points']:+.2f}", "pictures": pictures}
            lines.append(self._say("against_line_within" if within else "against_line", **told, **(within or {})))
        if stable := made["instead_of"]:
            lines.append(self._say("against_stable", **stable))
        return lines

    def _recognises(self, row: dict[str, Any]) -> str:
        told = {
            "label": row["label"],
            "number": self.of_hundred(row["recall"]),
            "interval": self.interval(row["recall_interval"]),
            "pictures": self._test_pictures(row["num_images"]),
        }
        if not row["taken_for"]:
            return self._say("recognises", **told)
        first = row["taken_for"][0]
        taken = {"answer": first["label"], "some": first["num_images"], "all": row["num_images"]}
        return self._say("recognises_mostly", **told, **taken)

    def _test_pictures(self, count: int) -> str:
        return self.how_many("test_pictures", count)


@cache
def sentences(language: str = DEFAULT) -> Sentences:
    """Return those of one of `models.words.LANGUAGES`; read once."""
    return Sentences(read_words(LANGUAGES)[language])
