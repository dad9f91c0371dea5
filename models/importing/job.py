"""Makes classifiers of a foreign file, one for each range that is asked for, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.importing.litert_file import Classifier, Wanted, as_classifier, wanted_from_dict
from models.importing.own_process import REFUSED, Limits, run_apart
from models.importing.refused import ForeignModelRefused
from models.runtime.model_file import ONNX_SUFFIX

FUNCTION = "models.importing.job:make"
LIMITS = Limits(seconds=120, wall_s=900)


def classifiers_of(file: Path, wanted: list[Wanted], folder: Path) -> list[tuple[Wanted, Classifier]]:
    """Make a classifier of a file for each of what is wanted of it that goes with it, in a process of its own.

    Args:
        file: the foreign `.tflite` or `.onnx`.
        wanted: labels and range, at least one.
        folder: to work in.

    Raises:
        ForeignModelRefused: it is broken, not accepted, or no classifier of pictures; or it goes with none.
    """
    job = {"file": str(file.resolve()), "wanted": [asdict(each) for each in wanted]}
    answers = run_apart(FUNCTION, job, folder, LIMITS)["classifiers"]
    made = [
        (wanted[number], Classifier((folder / f"{number}").read_bytes(), **facts))
        for number, facts in enumerate(answers)
        if REFUSED not in facts
    ]
    if not made:
        raise ForeignModelRefused(answers[0][REFUSED])
    return made


def make(job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write a file for each of what is wanted into the current folder; returns what is said of them."""
    content, make_classifier = Path(job["file"]).read_bytes(), as_classifier
    if Path(job["file"]).suffix.lower() == ONNX_SUFFIX:  # with ONNX, which is optional
        from models.importing.onnx_classifier import as_onnx_classifier as make_classifier
    made: list[dict[str, Any]] = []
    for number, values in enumerate(job["wanted"]):
        try:
            classifier = make_classifier(content, wanted_from_dict(values))
        except ForeignModelRefused as error:
            made.append({REFUSED: str(error)})
            continue
        Path(f"{number}").write_bytes(classifier.content)
        made.append(classifier.facts())
    return {"classifiers": made}
