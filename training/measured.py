"""Measure an exported file through the runtime that serves it: temperature first, then what it is worth.

Validation images give the temperature, which is written into the file, and thresholds; test images are read once, after
that, for the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.measuring.calibrate import fit_calibration, fit_temperature, temperature_interval, with_temperature
from models.measuring.intervals import Interval, in_words
from models.measuring.metrics import Metrics, measure
from models.network.tflite_graph import temperature_of
from models.network.tflite_graph import with_temperature as with_temperature_inside
from models.pixels.preprocessing import PixelSpec
from models.plural import how_many
from models.portable.description import describe
from models.runtime.cores import available_cores
from models.runtime.litert import LiteRTRuntime
from models.runtime.tensors import Probabilities
from models.store.calibration import MIN_SCORES, NONE_LABEL, Calibration
from models.store.durable import replacing
from models.store.evaluation import Evaluation
from models.store.expected_answers import ExpectedAnswers
from models.store.operating_curve import OperatingCurve
from training.dataset import Dataset, Split
from training.evaluate import predict
from training.run import Run
from training.survey import ALL_LABELS


@dataclass(frozen=True, slots=True)
class Answers:
    """Probabilities, float32 [N, C], of the validation and the test images."""

    validation: Probabilities = field(default_factory=lambda: np.empty((0, 0), np.float32))
    test: Probabilities = field(default_factory=lambda: np.empty((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """An exported file with its figures, through the runtime that serves it.

    Attributes:
        file: the `.tflite`, or a SavedModel's folder.
        precision: "float32", "float16", "dynamic" or "int8".
        validation: on the validation images, by which all is chosen; those of the test images where a run has none.
        metrics: on the test images.
        calibration: fitted on the validation images; None where a run has none.
        before_temperature: what `validation` and `metrics` are without the temperature, by "validation" and "test".
        temperature_interval: of 95 %, where the validation images are few.
        none_recognised: of the test images of the class `_none`, which are among `metrics` as any other's: how many
            are recognised, of how many; None without such a class.
        expected_answers: to the validation images; None where a run has none.
        evaluation: the answers to the test images, counted by class.
        operating_curve: what accepting only sure answers would give, by validation images; None where there are none.
        answers: that the figures are of.
    """

    file: Path
    precision: str
    validation: Metrics
    metrics: Metrics
    calibration: Calibration | None = None
    before_temperature: Mapping[str, Metrics] = field(default_factory=dict)
    temperature_interval: Interval | None = None
    none_recognised: tuple[int, int] | None = None
    expected_answers: ExpectedAnswers | None = None
    evaluation: Evaluation | None = None
    operating_curve: OperatingCurve | None = None
    answers: Answers = field(default_factory=Answers, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for a manifest: figures on the test images, others below keys of their own."""
        values: dict[str, Any] = self.metrics.to_dict()
        if "validation" in self.before_temperature:
            values["validation"] = self.validation.to_dict()
        if self.before_temperature:
            values["before_temperature"] = {
                name: {key: figures.to_dict()[key] for key in ("loss", "ece", "intervals")}
                for name, figures in self.before_temperature.items()
            }
        if self.temperature_interval:
            values["temperature_interval"] = self.temperature_interval.to_list()
        if self.none_recognised:
            values["none_recognised"] = dict(zip(("num_right", "num_images"), self.none_recognised, strict=True))
        return values

    def about_probabilities(self) -> list[str]:
        """Return lines for the user on what the file's probabilities are worth."""
        if not self.calibration:
            return ["its probabilities are as trained: without validation images no temperature is fitted"]
        fitted, before = self.calibration, self.before_temperature["test"]
        interval = self.temperature_interval
        of_few = f" ({interval.low:.2f} to {interval.high:.2f}, for they are few)" if interval else ""
        lines = [
            f"temperature {fitted.temperature:.2f}{of_few} of {how_many(fitted.num_images, 'validation image')}; "
            f"calibration error on the test images {100 * before.ece:.1f} -> {100 * self.metrics.ece:.1f} %"
        ]
        if fitted.unsure_below is not None:
            lines[0] += f"; unsure below a sureness of {fitted.unsure_below:.2f}"
        if fitted.num_images < MIN_SCORES:
            lines.append(ALL_LABELS.format(fitted.num_images))
        if self.none_recognised:
            lines.append(f"{NONE_LABEL}: recognised {in_words(*self.none_recognised, f'{NONE_LABEL} test image')}")
        return lines


def measure_file(file: Path, run: Run, data: Dataset, *, precision: str) -> MeasuredFile:
    """Fit a temperature into a LiteRT file that has none, describe the file inside itself, and measure it.

    All is measured on encoded bytes, as they are served.
    """
    content = file.read_bytes()
    temperature = temperature_of(content)
    validation = predict_file(file, run, data.validation)
    if temperature == 1 and data.has_validation:
        temperature = fit_temperature(validation, data.validation.targets)
        content = with_temperature_inside(content, temperature)
        validation = with_temperature(validation, temperature)
    with replacing(file) as temporary:
        temporary.write_bytes(describe(content, run.labels, run.config.pixels))
    test = predict_file(file, run, data.test) if data.has_validation else validation
    return measured(file, data, Answers(validation, test), precision=precision, temperature=temperature)


def measured(
    file: Path,
    data: Dataset,
    answers: Answers,
    *,
    precision: str,
    temperature: float,
) -> MeasuredFile:
    """Make the figures of a file from its answers, which have the temperature in them."""
    none = data.labels.index(NONE_LABEL) if NONE_LABEL in data.labels else None
    sets = {"validation": (answers.validation, data.validation.targets), "test": (answers.test, data.test.targets)}
    figures = {name: measure(*pair) for name, pair in sets.items()}
    of_test = partial(Evaluation.of, *sets["test"], precision=precision)
    if not data.has_validation:
        return MeasuredFile(file, precision, figures["test"], figures["test"], evaluation=of_test(), answers=answers)
    is_none = data.test.targets == none
    num_recognised = int((answers.test[is_none].argmax(axis=1) == none).sum())
    as_trained = {name: (with_temperature(found, 1 / temperature), targets) for name, (found, targets) in sets.items()}
    calibration = fit_calibration(*sets["validation"], temperature=temperature, none_target=none)
    return MeasuredFile(
        file,
        precision,
        figures["validation"],
        figures["test"],
        calibration=calibration,
        before_temperature={name: measure(*pair) for name, pair in as_trained.items()},
        temperature_interval=temperature_interval(*as_trained["validation"]),
        none_recognised=None if none is None else (num_recognised, int(is_none.sum())),
        expected_answers=ExpectedAnswers.of(answers.validation),
        evaluation=of_test(calibration=calibration),
        operating_curve=OperatingCurve.of(*sets["validation"]),
        answers=answers,
    )


def predict_file(file: Path, run: Run, split: Split) -> Probabilities:
    """Probabilities, float32 [N, C], of the images' encoded bytes by a LiteRT file, on all cores."""
    return predict_litert(file, split, run.config.pixels, num_classes=len(run.labels))


def predict_litert(file: Path, split: Split, spec: PixelSpec, *, num_classes: int) -> Probabilities:
    """Probabilities, float32 [N, C], of the images' encoded bytes by a LiteRT file, on all cores."""
    shape = (spec.height_px, spec.width_px, 3)
    runtime = LiteRTRuntime(file, input_shape=shape, num_classes=num_classes, num_threads=available_cores())
    with closing(runtime):
        return predict(runtime, split, spec)
