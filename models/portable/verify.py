"""Runs a file on the golden pictures with every runtime that is installed, or takes answers made elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import CorruptArtifact, without_host_paths
from models.portable.comparison import Comparison, compare
from models.portable.description import read_description
from models.portable.golden import (
    GOLDEN_FILE,
    Golden,
    decoded_pixels,
    fitted_pixels,
    hash_of,
    one_by_one,
    read_golden,
)
from models.portable.onnx_file import ONNX_FILE
from models.portable.search import Answer
from models.runtime import RuntimeName
from models.runtime.model_file import load_file
from models.runtime.tensors import Images, Probabilities
from models.store.artifact import Artifact
from models.store.strict_json import parse_object

_MAX_ANSWERS_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one source of answers.

    Attributes:
        source: a runtime's name, a file of answers, or what was read instead of run.
        comparison: with the golden answers; None where nothing was run.
        parts_at: the step at which it parts from the reference; None if it does not.
        reason: in words.
    """

    source: str
    comparison: Comparison | None
    parts_at: str | None
    reason: str

    def __str__(self) -> str:
        text = f"{'DIFFERS' if self.parts_at else 'agrees':<9}{self.source}"
        if found := self.comparison:
            same = f"same label for {found.num_same_label} of {found.num_pictures}"
            text += f": largest difference {found.difference:.4f}, {same}"
        return f"{text}\n         {self.parts_at}: {self.reason}" if self.parts_at else text

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"source": self.source, "parts_at": self.parts_at, "reason": self.reason} | (
            {} if self.comparison is None else {"comparison": asdict(self.comparison)}
        )


def verify_file(model: Path, golden_file: Path | None = None, answers_file: Path | None = None) -> list[Verdict]:
    """Compare the answers of a `.tflite` or `.onnx` file, or those made with it elsewhere, with the golden ones.

    Args:
        model: the file; beside one of ONNX stands the `.tflite` file that it was made of, if it was made of one. An
            ONNX file beside a `.tflite` file is run, too, where ONNX Runtime is installed.
        golden_file: its golden answers; golden.json beside it unless given.
        answers_file: JSON, {PICTURE: [PROBABILITY, ...]}, or {PICTURE: {"probabilities": [...], "decoded_sha256": TEXT,
            "fitted_sha256": TEXT}} of which hashes may be left out; None to run the file.

    Raises:
        ArtifactError: a file is missing or broken.
        RuntimeMissing: ONNX Runtime is not installed.
    """
    golden = read_golden(golden_file or model.with_name(GOLDEN_FILE))
    is_onnx, described = model.suffix == ".onnx", model.with_suffix(".tflite")
    reference_file = described if described.is_file() else model
    with closing(load(None, reference_file, golden)) as reference:

        def answer(images: Images) -> Probabilities:
            return one_by_one(reference, images)

        if answers_file is not None:
            return [answers_verdict(golden, answers_file, answer)]
        verdicts = [*pictures_verdicts(golden), *description_verdict(golden, reference_file)]
        pixels = [fitted_pixels(picture.file, golden.pixels) for picture in golden.pictures]
        runs: Iterable[tuple[RuntimeName, Path]] = [("onnxruntime", model)] if is_onnx else runnable(model)
        for name, file in runs:
            with closing(load(name, file, golden)) as runtime:
                found = compare(golden, one_by_one(runtime, pixels), answer, are_pixels_known=True)
                precision = getattr(runtime, "precision", "") or golden.precision
            if precision != golden.precision:  # which is no fault of it
                source = f"{name}, in {precision} where the golden answers are of {golden.precision}"
                verdicts.append(Verdict(source, found, None, ""))
            else:
                verdicts.append(Verdict(name, found, found.parts_at, found.reason))
        return verdicts


def answering_file(artifact: Artifact) -> Path:
    """Return the file of a version that gave its golden answers.

    Raises:
        FormatMissing: it has neither a LiteRT nor an ONNX file.
    """
    formats = artifact.manifest.formats
    return artifact.model_path("onnx" if "onnx" in formats and "litert" not in formats else "litert")


def runnable(model: Path) -> Iterator[tuple[RuntimeName, Path]]:
    """List the runtimes that are installed for a LiteRT file, and for the ONNX file beside it."""
    yield "litert", model
    onnx = model.with_name(ONNX_FILE)
    others: tuple[tuple[RuntimeName, Path], ...] = (("openvino", model), ("onnxruntime", onnx))
    for name, file in others:
        if file.is_file() and importlib.util.find_spec(name):
            yield name, file


def load(runtime: RuntimeName | None, model: Path, golden: Golden) -> Any:
    """Load a file into a runtime, or into the first that there is for its format."""
    shape = (golden.pixels.height_px, golden.pixels.width_px, 3)
    return load_file(model, input_shape=shape, num_classes=len(golden.labels), runtime=runtime)


def pictures_verdicts(golden: Golden) -> Iterator[Verdict]:
    """Compare what this machine makes of the pictures, by the hashes."""
    steps: dict[str, list[str]] = {"decoding": [], "fitting": []}
    for picture in golden.pictures:
        if hash_of(decoded_pixels(picture.file)) != picture.decoded_sha256:
            steps["decoding"].append(picture.file)
        elif hash_of(fitted_pixels(picture.file, golden.pixels)) != picture.fitted_sha256:
            steps["fitting"].append(picture.file)
    for step, names in steps.items():
        if names:
            yield Verdict("pixels", None, step, f"here other pixels come of {', '.join(names)}: another Pillow?")
    if not any(steps.values()):
        yield Verdict(f"pixels of {len(golden.pictures)} pictures, decoded and fitted", None, None, "")


def description_verdict(golden: Golden, model: Path) -> Iterator[Verdict]:
    """Compare what a file says of itself with its golden answers; nothing where it says nothing, as ONNX files do."""
    if model.suffix == ".onnx":
        return
    description, what = read_description(model.read_bytes()), "description inside the file"
    if description is None:
        return
    if description.labels != golden.labels:
        pairs = zip(description.labels, golden.labels, strict=False)
        line = next((line for line, (said, right) in enumerate(pairs, 1) if said != right), 0)
        where = f"line {line} of labels.txt is another" if line else "labels.txt has another number of them"
        yield Verdict(what, None, "labels", f"{where} than in the golden answers")
    elif description.pixels != golden.pixels:
        yield Verdict(what, None, "fitting", f"it says {description.pixels}, the golden answers {golden.pixels}")
    else:
        yield Verdict(what, None, None, "")


def answers_verdict(golden: Golden, file: Path, answer: Answer) -> Verdict:
    """Compare answers made elsewhere; `answer` is the reference's."""
    records = read_answers(file, golden)
    steps = {"decoded_sha256": "decoding", "fitted_sha256": "fitting"}
    by_hash = ""
    for key, step in steps.items():
        pairs = [(picture, records[picture.file].get(key)) for picture in golden.pictures]
        others = [picture.file for picture, digest in pairs if digest and digest != getattr(picture, key)]
        if others and not by_hash:
            by_hash = f"; by the hashes, pixels differ from {step} on, of {', '.join(others)}"
    probabilities = np.array([records[picture.file]["probabilities"] for picture in golden.pictures], np.float32)
    found = compare(golden, probabilities, answer)
    return Verdict(file.name, found, found.parts_at, f"{found.reason}{by_hash}")


def read_answers(file: Path, golden: Golden) -> Mapping[str, Mapping[str, Any]]:
    """Read answers made elsewhere, by picture; CorruptArtifact where one is missing or malformed."""
    with without_host_paths(f"{file.name} cannot be read"):
        content = file.read_bytes()
    try:
        given = parse_object(content, file.name, max_bytes=_MAX_ANSWERS_BYTES)
        records = {}
        for picture in golden.pictures:
            if picture.file not in given:
                raise ValueError(f"{file.name} has no answer to {picture.file}")
            record = given[picture.file]
            records[picture.file] = record if isinstance(record, dict) else {"probabilities": record}
            row = np.array(records[picture.file].get("probabilities"), np.float64)
            if row.shape != (len(golden.labels),) or not np.isfinite(row).all():
                raise ValueError(f"{file.name} must have {len(golden.labels)} numbers for {picture.file}")
    except (TypeError, ValueError) as error:
        raise CorruptArtifact(str(error)[:400]) from error
    return records
