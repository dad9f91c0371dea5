"""Says what an answer is: the right one, a refusal that was due, or a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.checker import agree, top_k_of
from benchmarks.connection import Answer
from soak.versions import DEFAULT, Versions

ANSWERED, REFUSED, OVERLOADED, LATE = "answered", "refused as it should be", "503 with Retry-After", "504"


class Wrong(Exception):
    """An answer of status 200 that is not the one of that picture and that version."""


class Unexplained(Exception):
    """An answer that nothing sent, and nothing done to the server, explains."""


@dataclass(frozen=True)
class Interval:
    """From when to when a request was under way, in seconds of the monotonic clock."""

    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Refusal:
    """What is right to answer to a picture that is bad; without a code, any code of a bad picture."""

    status: int
    code: str = ""
    message: str = ""

    def check(self, error: dict[str, Any]) -> None:
        if self.code not in ("", error["code"]) or not re.search(self.message, error["message"]):
            raise Unexplained(f"the error should be {self.code!r} with {self.message!r}, and is {error}")


BAD_PICTURE = {413: "image_too_large", 415: "unsupported_image", 422: "corrupt_image"}

Expected = int | Refusal  # the number of a picture, or how it is refused
Judge = Callable[[Answer, Interval], str]


def error_of(answer: Answer) -> dict[str, Any]:
    try:
        error: dict[str, Any] = json.loads(answer.body)["error"]
    except (ValueError, LookupError, TypeError):
        raise Unexplained(f"{answer.status} {answer.body[:200]!r}") from None
    return error


def other(answer: Answer) -> str:
    """Name an answer that any request may get; it is a fault if there is none of that kind."""
    if answer.status == 503 and answer.headers.get("retry-after", "").isdecimal():
        return OVERLOADED
    if answer.status == 504:
        return LATE
    raise Unexplained(f"{answer.status} {answer.body[:200]!r}")


def status_is(*statuses: int, code: str = "") -> Judge:
    """Make a judge of requests that are answered so and so."""

    def judge(answer: Answer, _interval: Interval) -> str:
        if answer.status not in statuses:
            return other(answer)
        if code and error_of(answer)["code"] != code:
            raise Unexplained(f"{answer.status} with {error_of(answer)}, not {code}")
        return ANSWERED if answer.status == 200 else REFUSED

    return judge


def or_status(status: int, judge: Judge) -> Judge:
    """Make a judge of requests to which that status is right, too."""
    return lambda answer, interval: REFUSED if answer.status == status else judge(answer, interval)


def predictions_are(
    expected: Sequence[Expected], versions: Versions, *, model: str = DEFAULT, names: Sequence[str] = ()
) -> Judge:
    """Make a judge of requests with pictures.

    Args:
        expected: of each picture, in their order.
        versions: what each version answers.
        model: that was asked.
        names: of the files, where they have some.
    """

    def judge(answer: Answer, interval: Interval) -> str:
        [first, *_] = expected
        if all(isinstance(each, Refusal) for each in expected) and answer.status == first.status:
            first.check(error_of(answer))
            return REFUSED
        if answer.status != 200:
            return other(answer)
        document = answer.json()
        version, predictions = document["version"], document["predictions"]
        if document["model"] != model or not versions.may_answer(model, version, interval.began_at, interval.ended_at):
            raise Wrong(f"answered by {document['model']}:{version}, asked of {model}; stable is {versions.stable}")
        if len(predictions) != len(expected):
            raise Wrong(f"{len(predictions)} answers to {len(expected)} pictures")
        if names and [prediction["filename"] for prediction in predictions] != list(names):
            raise Wrong(f"the answers have other names than {names}")
        for each, prediction in zip(expected, predictions, strict=True):
            check_prediction(prediction, each, versions, f"{model}:{version}")
        return ANSWERED

    return judge


def check_prediction(prediction: dict[str, Any], expected: Expected, versions: Versions, which: str) -> None:
    model, _, version = which.partition(":")
    if isinstance(expected, Refusal):
        if "error" not in prediction:
            raise Wrong(f"a picture that should be refused as {expected} is answered {prediction}")
        expected.check(prediction["error"])
    elif "error" in prediction:
        raise Unexplained(f"picture {expected} has the error {prediction['error']}")
    elif not agree(top_k_of(prediction), wanted := versions.answer(model, int(version), expected)):
        raise Wrong(f"picture {expected} of {which}: got {top_k_of(prediction)}, wanted {wanted}")


def is_a_picture_or_bad(answer: Answer, _interval: Interval) -> str:
    """Judge a picture of which bytes were changed: it has some answer, or is refused as pictures are."""
    if answer.status == 200 and len(answer.json()["predictions"]) == 1:
        return ANSWERED
    if answer.status in BAD_PICTURE and error_of(answer)["code"] == BAD_PICTURE[answer.status]:
        return REFUSED
    return other(answer)
