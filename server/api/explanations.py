"""Reads what a request wants explained, and writes why a model answers so."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.examples.index import Similar
from models.explanation.heat_map import heat_map, over_picture
from models.explanation.place import Place
from models.pixels.preprocessing import Pixels, PixelSpec
from server.engine.catalogue import ServedModel
from server.engine.explanation import NOTHING
from server.explained import FORMATS, Explained, wanted_of
from server.request_errors import RequestError, TooManyImages
from server.similar import MAX_SIMILAR, SimilarExamples, require_examples
from server.whole_number import whole_number

BOOLEANS = {"true": True, "false": False}
DIGITS = 6  # of a number, more than int8 features have
MAX_DECIMALS = 12
MIN_SHOWN_PX, MAX_SHOWN_PX = 224, 640  # of the longer side of a picture with its heat map


@dataclass(frozen=True, slots=True)
class ExplanationQuery:
    """What is to be told beside the answer.

    Attributes:
        is_explained: why the model answers so.
        label: the class that is explained; None for the likeliest.
        with_heat_map: as a picture, too.
        is_picture: as the answer's only content, a heat map over the picture.
        with_embedding: the features that the classifier sees.
        num_similar: training pictures that are most like the picture.
    """

    is_explained: bool = False
    label: str | None = None
    with_heat_map: bool = True
    is_picture: bool = False
    with_embedding: bool = False
    num_similar: int = 0

    def wanted(self, model: ServedModel) -> int:
        """Tell a slot what to explain; raises as `server.explained.wanted_of` and `server.similar.require_examples`."""
        if self.num_similar:
            require_examples(model)
        is_wanted = self.is_explained or self.with_embedding or self.num_similar
        return wanted_of(model, self.label) if is_wanted else NOTHING

    def check_number(self, num_images: int) -> None:
        """Raise TooManyImages where the one picture of the answer would have to be of several."""
        if self.is_picture and num_images > 1:
            raise TooManyImages(
                f"explain_format=picture answers with the picture of one image, this request has {num_images}: send "
                "one image a request, or ask for explain_format=png, which has a heat map for each"
            )

    def fields(self, reason: Explained, model: ServedModel, examples: SimilarExamples) -> dict[str, Any]:
        """Write what is told beside the answer to one image."""
        fields: dict[str, Any] = {}
        if self.is_explained:
            fields["explanation"] = explanation_document(reason, model, with_heat_map=self.with_heat_map)
        if self.with_embedding:
            fields["embedding"] = rounded_all(reason.explanation.embedding)
        if self.num_similar:
            found = examples.nearest(model, reason.explanation.embedding, self.num_similar)
            fields["similar"] = [_similar_document(each) for each in found]
        return fields


NOTHING_MORE = ExplanationQuery()


def parse_explanation(parameters: Mapping[str, str]) -> ExplanationQuery:
    """Read `explain`, `explain_format`, `embedding` and `similar`.

    Raises:
        RequestError: names the parameter, what it got and what is allowed.
    """
    explain, wanted_format = parameters.get("explain", "false"), parameters.get("explain_format", FORMATS[0])
    if not explain:
        raise RequestError("explain must be true, false or a class, got nothing")
    if wanted_format not in FORMATS:
        raise RequestError(f"explain_format must be {', '.join(FORMATS)}, got {wanted_format[:40]!r}")
    embedding = parameters.get("embedding", "false")
    if embedding not in BOOLEANS:
        raise RequestError(f"embedding must be true or false, got {embedding[:40]!r}")
    query = ExplanationQuery(
        is_explained=BOOLEANS.get(explain, True),
        label=None if explain in BOOLEANS else explain,
        with_heat_map=wanted_format != "numbers",
        is_picture=wanted_format == "picture",
        with_embedding=BOOLEANS[embedding],
        num_similar=_num_similar(parameters.get("similar", "0")),
    )
    if query.is_picture and not (query.is_explained and not query.with_embedding and not query.num_similar):
        raise RequestError("explain_format=picture needs explain=true or a class, and neither embedding nor similar")
    return query


def picture_document(reason: Explained, model: ServedModel, decode: Callable[[PixelSpec], Pixels]) -> bytes:
    """Lay the heat map of an answer over its picture, as PNG; `decode` gives the picture in other pixels."""
    assert reason.place is not None  # noqa: S101 - uploads have one
    width, height, _ = reason.place
    scale = min(MAX_SHOWN_PX, max(MIN_SHOWN_PX, width, height)) / max(width, height)
    spec = PixelSpec(max(1, round(scale * height)), max(1, round(scale * width)), fit="stretch")
    return over_picture(decode(spec), heat_map(reason.explanation.class_map, reason.place, model.pixels))


def explanation_document(reason: Explained, model: ServedModel, *, with_heat_map: bool) -> dict[str, Any]:
    """Write why a model gives a class the logit that it gives it."""
    explanation, rows = reason.explanation, reason.explanation.class_map.tolist()
    mean = sum(map(sum, rows)) / explanation.class_map.size
    decimals = decimals_of(max(map(max, rows)), min(map(min, rows)))
    document: dict[str, Any] = {
        "label": model.labels[reason.label],
        "logit": rounded(mean + explanation.bias),
        "bias": rounded(explanation.bias),
        "map": [[round(number, decimals) for number in row] for row in rows],
    }
    if reason.place is not None:
        document |= _place_document(reason.place)
        if with_heat_map:
            png = heat_map(explanation.class_map, reason.place, model.pixels)
            document["heat_map"] = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return document


@lru_cache(maxsize=256)
def _place_document(place: Place) -> dict[str, Any]:
    """Write where a map lies; of pictures of one size it is the same, and nobody changes it."""
    box = {side: rounded(edge) for side, edge in place.box._asdict().items()}
    return {"picture": {"width_px": place.width_px, "height_px": place.height_px}, "box": box}


def _num_similar(text: str) -> int:
    try:
        return whole_number(text, 0, MAX_SIMILAR)
    except ValueError as error:
        raise RequestError(f"similar must be {error}, got {text[:40]!r}") from None


def _similar_document(similar: Similar) -> dict[str, Any]:
    example = similar.example
    return {
        "label": example.label,
        "similarity": rounded(similar.similarity),
        "source": example.source,
        "thumbnail": f"data:image/webp;base64,{base64.b64encode(example.thumbnail).decode()}",
    }


def rounded(number: float) -> float:
    """Round to DIGITS digits, which JSON then has no more of."""
    return float(f"{number:.{DIGITS}g}")


def rounded_all(numbers: NDArray[np.float32]) -> list[float]:
    """Round a row of numbers to as many decimals as the largest of them has DIGITS with."""
    decimals = decimals_of(float(numbers.max()), float(numbers.min()))
    rounded_numbers: list[float] = np.round(numbers.astype(np.float64), decimals).tolist()
    return rounded_numbers


def decimals_of(most: float, least: float) -> int:
    """Choose the decimals of numbers that lie between two."""
    largest = max(most, -least)
    return MAX_DECIMALS if largest <= 0 else min(MAX_DECIMALS, max(0, DIGITS - 1 - math.floor(math.log10(largest))))
