"""Say which of two models of the same photos is to be served, and why."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.measuring.intervals import in_points, in_words, paired
from models.report import size
from models.runtime.cores import available_cores
from models.runtime.litert import LiteRTRuntime
from models.store.reference import ModelReference
from training.dataset import Split
from training.measured import predict_file
from training.publish import FLOAT32_FILE
from training.run import Run, published, read_run
from training.teaching.student import FinishedRun

MAX_LOSS_POINTS = 1.0  # of accuracy, that a faster model may have
_NUM_TIMED = 15


@dataclass(frozen=True, slots=True)
class Contender:
    """A published float32 file.

    Attributes:
        name: of the model.
        is_right: bool [N], on the validation images.
        time_ms: of one image on all cores, the median.
        num_bytes: of the file.
    """

    name: str
    is_right: npt.NDArray[np.bool_]
    time_ms: float
    num_bytes: int

    @classmethod
    def of(cls, name: str, file: Path, run: Run, validation: Split) -> Contender:
        """Measure a file of a run."""
        is_right = predict_file(file, run, validation).argmax(axis=1) == validation.targets
        return cls(name, is_right, _time_ms(file, run), file.stat().st_size)

    def __str__(self) -> str:
        accuracy = in_words(int(self.is_right.sum()), len(self.is_right), "validation image")
        return f"{self.name}: {accuracy}, {self.time_ms:.1f} ms an image, {size(self.num_bytes)}"


def about_both(teacher: FinishedRun, teacher_folder: Path, student_name: str, student_folder: Path) -> list[str]:
    """Measure the published files of teacher and student, and say which is to be served, and why."""
    name = ModelReference.parse(published(teacher_folder, "float32")).name
    validation = teacher.data.validation
    first = Contender.of(name, teacher_folder / FLOAT32_FILE, teacher.run, validation)
    second = Contender.of(student_name, student_folder / FLOAT32_FILE, read_run(student_folder), validation)
    chosen, reason = better_to_serve(first, second)
    return [
        str(first),
        str(second),
        f"to be served: {chosen.name}, {reason}; OPSIN_MODEL={chosen.name} says so to a server",
    ]


def better_to_serve(teacher: Contender, student: Contender) -> tuple[Contender, str]:
    """Choose the student if it is faster and surely loses next to nothing, or surely better; else the teacher."""
    lost = int((teacher.is_right & ~student.is_right).sum())
    won = int((student.is_right & ~teacher.is_right).sum())
    least, _ = paired(lost, won, len(teacher.is_right))
    points = f"{in_points(lost, won, len(teacher.is_right))} for the student"
    if least > 0:
        return student, f"which is right more often: {points}"
    if student.time_ms >= teacher.time_ms:
        return teacher, f"for the student is neither faster nor surely more accurate: {points}"
    if 100 * least >= -MAX_LOSS_POINTS:
        return student, f"which is faster and loses at most {MAX_LOSS_POINTS:g} point: {points}"
    return teacher, f"for the student, which is faster, may lose more than {MAX_LOSS_POINTS:g} point: {points}"


def _time_ms(file: Path, run: Run) -> float:
    pixels = run.config.pixels
    shape = (pixels.height_px, pixels.width_px, 3)
    runtime = LiteRTRuntime(file, input_shape=shape, num_classes=len(run.labels), num_threads=available_cores())
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    times_s = []
    with closing(runtime):
        for _ in range(_NUM_TIMED):
            begun_s = time.perf_counter()
            runtime.run([image])
            times_s.append(time.perf_counter() - begun_s)
    return 1000 * float(np.median(times_s))
