"""Calibrates and measures an imported file: by one half of the photos its temperature, by the other its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.importing.loaded import loaded
from models.importing.photos import Photos
from models.measuring.calibrate import fit_calibration, fit_temperature, temperature_interval, with_temperature
from models.measuring.intervals import Interval, in_words
from models.measuring.metrics import Metrics, measure
from models.pixels.spec import PixelSpec
from models.plural import how_many
from models.portable.description import packed, unpacked
from models.runtime.cores import available_cores
from models.runtime.tensors import Probabilities
from models.store.calibration import NONE_LABEL, Calibration
from models.store.evaluation import Evaluation
from models.store.expected_answers import ExpectedAnswers
from models.store.operating_curve import OperatingCurve


@dataclass(frozen=True, slots=True)
class Measured:
    """A file with its figures.

    Attributes:
        content: the file, with its temperature.
        precision: of its weights.
        model_format: of the file, as in manifest.json.
        metrics: on the photos that nothing was chosen by; None without photos.
        before_temperature: the same without the temperature.
        validation: on those that the temperature is fitted on.
        calibration: fitted on the others; None without photos.
        interval: of the temperature, where it is fitted on few.
        expected_answers: to the photos of the fit; None without photos of every label.
        evaluation: the answers to the photos of the figures, counted by class.
        operating_curve: what accepting only sure answers would give, by the photos of the fit.
        is_right: of each photo of the fit, by which files of one network are compared.
        is_right_of_test: of each photo of the figures, by which versions are compared.
    """

    content: bytes
    precision: str
    model_format: str = "litert"
    metrics: Metrics | None = None
    before_temperature: Metrics | None = None
    validation: Metrics | None = None
    calibration: Calibration | None = None
    interval: Interval | None = None
    expected_answers: ExpectedAnswers | None = None
    evaluation: Evaluation | None = None
    operating_curve: OperatingCurve | None = None
    is_right: tuple[bool, ...] = field(default=(), repr=False)
    is_right_of_test: tuple[bool, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON, for a manifest, as those of a training are."""
        if self.metrics is None or self.before_temperature is None or self.validation is None:
            return {}
        before = self.before_temperature.to_dict()
        values: dict[str, Any] = self.metrics.to_dict() | {"validation": self.validation.to_dict()}
        values["before_temperature"] = {"test": {key: before[key] for key in ("loss", "ece", "intervals")}}
        if self.interval:
            values["temperature_interval"] = self.interval.to_list()
        return values

    def lines(self) -> list[str]:
        """Return lines for the user on how good it is, and what its probabilities are worth."""
        if not (self.metrics and self.before_temperature and self.calibration):
            return ["it is not measured, and its probabilities are as they come: --photos DIR would do both"]
        right = in_words(round(self.metrics.top1 * self.metrics.num_images), self.metrics.num_images, "test photo")
        few = f" ({self.interval.low:.2f} to {self.interval.high:.2f}, for they are few)" if self.interval else ""
        fitted = self.calibration
        return [
            f"{self.precision}: {right} right",
            f"temperature {fitted.temperature:.2f}{few} of {how_many(fitted.num_images, 'other photo')}; calibration "
            f"error on the test photos {100 * self.before_temperature.ece:.1f} -> {100 * self.metrics.ece:.1f} %",
        ]


def measure_file(
    content: bytes,
    precision: str,
    labels: Sequence[str],
    pixels: PixelSpec,
    model_format: str,
    halves: tuple[Photos, Photos] | None,
) -> Measured:
    """Fit a temperature into a file and measure it, on encoded photos, through the runtime that serves it.

    Args:
        content: of the file, which ends with a softmax.
        precision: of its weights.
        labels: in the order of its probabilities.
        pixels: how photos are fitted.
        model_format: of the file, as in manifest.json.
        halves: photos to fit on, and photos to report on; None for neither.
    """
    if halves is None:
        return Measured(content, precision, model_format)
    fitting, reporting = halves
    tensors = (model_format, labels, pixels)
    validation, test = (_answers(content, *tensors, half) for half in halves)
    factor = fit_temperature(validation, fitting.targets)
    content, temperature = divided(content, factor, model_format)
    calibrated, reported = with_temperature(validation, factor), with_temperature(test, factor)
    none = labels.index(NONE_LABEL) if NONE_LABEL in labels else None
    calibration = fit_calibration(calibrated, fitting.targets, temperature=temperature, none_target=none)
    has_all = len(set(fitting.targets.tolist())) == len(labels)
    return Measured(
        content,
        precision,
        model_format,
        metrics=measure(reported, reporting.targets),
        before_temperature=measure(test, reporting.targets),
        validation=measure(calibrated, fitting.targets),
        calibration=calibration,
        interval=temperature_interval(validation, fitting.targets),
        expected_answers=ExpectedAnswers.of(calibrated) if has_all else None,
        evaluation=Evaluation.of(reported, reporting.targets, precision=precision, calibration=calibration),
        operating_curve=OperatingCurve.of(calibrated, fitting.targets),
        is_right=tuple((calibrated.argmax(axis=1) == fitting.targets).tolist()),
        is_right_of_test=tuple((reported.argmax(axis=1) == reporting.targets).tolist()),
    )


def divided(content: bytes, factor: float, model_format: str = "litert") -> tuple[bytes, float]:
    """Have a file's softmax divide logits by a factor more; returns what they are divided by then, too."""
    if model_format == "onnx":
        from models.importing.onnx_temperature import divided_onnx  # with ONNX, which is optional

        return divided_onnx(content, factor)
    model = unpacked(content)
    options = model.subgraphs[0].operators[-1].builtinOptions
    options.beta = np.float32(options.beta / factor)
    return packed(model), round(float(1 / options.beta), 4)


def _answers(
    content: bytes, model_format: str, labels: Sequence[str], pixels: PixelSpec, photos: Photos
) -> Probabilities:
    shape = (pixels.height_px, pixels.width_px, 3)
    tensors: dict[str, Any] = {"input_shape": shape, "num_classes": len(labels), "num_threads": available_cores()}
    with loaded(content, model_format, **tensors) as runtime:
        return photos.answers(runtime, pixels)
