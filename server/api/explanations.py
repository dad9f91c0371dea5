"""Reads what a request wants explained, and writes why a model answers so."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.explanation.heat_map import heat_map
from server.engine.catalogue import ServedModel
from server.engine.explanation import NOTHING
from server.explained import Explained, wanted_of
from server.request_errors import RequestError

FORMATS = ("png", "numbers")
BOOLEANS = {"true": True, "false": False}
DIGITS = 6  # of a number, more than int8 features have


@dataclass(frozen=True, slots=True)
class ExplanationQuery:
    """What is to be told beside the answer.

    Attributes:
        is_explained: why the model answers so.
        label: the class that is explained; None for the likeliest.
        with_heat_map: as a picture, too.
        with_embedding: the features that the classifier sees.
    """

    is_explained: bool = False
    label: str | None = None
    with_heat_map: bool = True
    with_embedding: bool = False

    def wanted(self, model: ServedModel) -> int:
        """Tell a slot what to explain; raises as `server.explained.wanted_of`."""
        return wanted_of(model, self.label) if self.is_explained or self.with_embedding else NOTHING

    def fields(self, reason: Explained, model: ServedModel) -> dict[str, Any]:
        """Write what is told beside the answer to one image."""
        fields: dict[str, Any] = {}
        if self.is_explained:
            fields["explanation"] = explanation_document(reason, model, with_heat_map=self.with_heat_map)
        if self.with_embedding:
            fields["embedding"] = _short(reason.explanation.embedding.tolist())
        return fields


NOTHING_MORE = ExplanationQuery()


def parse_explanation(parameters: Mapping[str, str]) -> ExplanationQuery:
    """Read `explain`, `explain_format` and `embedding`.

    Raises:
        RequestError: names the parameter, what it got and what is allowed.
    """
    explain, wanted_format = parameters.get("explain", "false"), parameters.get("explain_format", FORMATS[0])
    if not explain:
        raise RequestError("explain must be true, false or a class, got nothing")
    if wanted_format not in FORMATS:
        raise RequestError(f"explain_format must be {' or '.join(FORMATS)}, got {wanted_format[:40]!r}")
    embedding = parameters.get("embedding", "false")
    if embedding not in BOOLEANS:
        raise RequestError(f"embedding must be true or false, got {embedding[:40]!r}")
    return ExplanationQuery(
        is_explained=BOOLEANS.get(explain, True),
        label=None if explain in BOOLEANS else explain,
        with_heat_map=wanted_format == "png",
        with_embedding=BOOLEANS[embedding],
    )


def explanation_document(reason: Explained, model: ServedModel, *, with_heat_map: bool) -> dict[str, Any]:
    """Write why a model gives a class the logit that it gives it."""
    explanation = reason.explanation
    document: dict[str, Any] = {
        "label": model.labels[reason.label],
        "logit": _rounded(float(explanation.class_map.mean()) + explanation.bias),
        "bias": _rounded(explanation.bias),
        "map": [_short(row) for row in explanation.class_map.tolist()],
    }
    if reason.place is not None:
        width, height, box = reason.place
        document["picture"] = {"width_px": width, "height_px": height}
        document["box"] = {side: _rounded(edge) for side, edge in box._asdict().items()}
        if with_heat_map:
            png = heat_map(explanation.class_map, reason.place, model.pixels)
            document["heat_map"] = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return document


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def _short(numbers: list[float]) -> list[float]:
    return [_rounded(number) for number in numbers]
