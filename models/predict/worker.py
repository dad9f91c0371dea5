"""The worker process: it reads, decodes and classifies pictures, with a runtime of one thread.

It shares nothing with other workers, so that a core each is all they need. The model runs on a picture at a time, whose
answer is then the same to the last bit whatever it lies beside: the softmax of several is not. But it decodes some
before that, and writes all rows after: so each finds its code in the caches, as it would not between two others
(docs/predict.md). A picture that breaks native code ends the process; which it was stands in memory that the pool
shares. Limits of decoding are those of the server's decoders.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from models.errors import ImageError, ModelFailed, OpsinError, RunFailed
from models.pixels.decode_limits import limit_memory, limited_cpu, max_cpu_s
from models.pixels.preprocessing import ImageLimits, Pixels, decode, read
from models.predict.pictures import Pictures, shown_name
from models.predict.rows import Rows
from models.predict.tasks import Answered
from models.runtime import Runtime, RuntimeName, load_runtime
from models.runtime.tensors import Probabilities
from models.store.artifact import Artifact

READY = True
PR_SET_PDEATHSIG = 1  # prctl(2)
STANDARD_ERROR = 2
REPLY_S = 0.25
TOGETHER_PICTURES = 32  # at most, are decoded before the model runs on them
# Setting a timer takes a third of the time that a small picture does: those that are coded as nearly all are, and
# cheap, share one with the others of their reply, which is only there to end what never would.
USUAL_CPU_S, REPLY_CPU_S = 0.15, 120.0
MODEL_FAILED = "the model failed on this image"
_NONE, _DECODED, _RUN = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """What all workers of a run do.

    Attributes:
        artifact: verified.
        runtime: that runs it.
        pictures: listed before the process was forked.
        rows: writes the answers.
        limits: of an image.
    """

    artifact: Artifact
    runtime: RuntimeName
    pictures: Pictures
    rows: Rows
    limits: ImageLimits


class InHand:
    """The picture that a process is at, in memory that it shares with the pool."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")

    def note_decoded(self, number: int) -> None:
        """Note that a picture is being decoded."""
        self._memory[0], self._memory[1] = number, _DECODED

    def note_run(self, number: int) -> None:
        """Note that the model runs on a picture."""
        self._memory[0], self._memory[1] = number, _RUN

    def clear(self) -> None:
        """Note that it is done."""
        self._memory[1] = _NONE

    @property
    def number(self) -> int | None:
        """The picture; None where there is none."""
        return None if self._memory[1] == _NONE else self._memory[0]

    @property
    def is_decoded(self) -> bool:
        """Whether it is being decoded."""
        return self._memory[1] == _DECODED


def work(connection: Connection, in_hand: InHand, job: Job) -> None:
    """Answer tasks until the pool ends the process; runs in the forked process.

    First it says READY. A task is the numbers of its first picture and of the one after its last; replies are what
    `Worker.answer` returns, until all are answered: the numbers in a line, then the rows. A text instead is an error
    that ends the run. All but the rows is JSON.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal tells all; the pool decides
    with Path(os.devnull).open("wb") as nowhere:  # what native libraries say of themselves, and of bad pictures
        os.dup2(nowhere.fileno(), STANDARD_ERROR)

    def send(says: object, rows: bytes = b"") -> None:
        connection.send_bytes(json.dumps(says).encode() + b"\n" + rows)

    try:
        runtime = load_runtime(job.artifact, runtime=job.runtime)
        limit_memory(job.limits.max_memory_bytes)
        worker = Worker(runtime, in_hand, job)
        gc.freeze()  # what is here now stays; looking through it again and again takes time, and copies the pages
        send(READY)
        while True:
            first, stop = json.loads(connection.recv_bytes())
            while first < stop:
                answered = worker.answer(range(first, stop))
                send(answered[1:], answered.text)
                first += answered.num_rows
    except (EOFError, BrokenPipeError):  # the pool has gone
        return
    except OpsinError as error:
        send(str(error))


class Worker:
    """Turns pictures into rows: decodes a few, runs the model on one after the other, and then writes."""

    def __init__(self, runtime: Runtime, in_hand: InHand, job: Job) -> None:
        self._runtime, self._in_hand, self._job = runtime, in_hand, job
        spec = job.artifact.manifest.pixels
        self._pixels = np.empty((TOGETHER_PICTURES, 1, spec.height_px, spec.width_px, 3), np.uint8)
        self._num_together = 1

    def answer(self, numbers: Sequence[int]) -> Answered:
        """Return the rows of the first pictures: as many as REPLY_S lets, one at least."""
        found: list[Probabilities | OpsinError] = []
        begun_s = time.monotonic()
        reply_at = begun_s + REPLY_S
        with limited_cpu(REPLY_CPU_S):
            while len(found) < len(numbers) and not (found and time.monotonic() >= reply_at):
                together = numbers[len(found) : len(found) + self._num_together]
                found += self._classified(together, list(self._decoded(together, reply_at)))
                pace_s = (time.monotonic() - begun_s) / len(found)
                self._num_together = min(TOGETHER_PICTURES, max(1, int(REPLY_S / pace_s)))
        names, rows = self._job.pictures.names, self._job.rows
        lines, num_errors = [], 0
        for number, each in zip(numbers, found, strict=False):
            if isinstance(each, OpsinError) or not np.isfinite(each).all():
                error = each if isinstance(each, OpsinError) else ModelFailed(MODEL_FAILED)
                lines.append(rows.refused(shown_name(names[number]), error))
                num_errors += 1
            else:
                lines.append(rows.answered(shown_name(names[number]), each))
        return Answered(rows.text(lines).encode(), len(lines), num_errors)

    def _decoded(self, numbers: Sequence[int], reply_at: float) -> Iterator[Pixels | ImageError]:
        """Decode the first pictures, one at least, until a reply is due."""
        for number, pixels in zip(numbers, self._pixels, strict=False):
            try:
                self._decode(number, pixels[0])
                yield pixels
            except ImageError as error:
                yield error
            self._in_hand.clear()
            if time.monotonic() >= reply_at:
                break

    def _decode(self, number: int, pixels: Pixels) -> None:
        spec, limits = self._job.artifact.manifest.pixels, self._job.limits
        image = read(self._job.pictures.read(number, limits.max_bytes), spec, limits=limits)
        self._in_hand.note_decoded(number)
        is_usual = image.encoded.is_plain and image.cost.cpu_s <= USUAL_CPU_S
        with nullcontext() if is_usual else limited_cpu(max_cpu_s(image.cost)):
            decode(image.encoded, spec, limits=limits, out=pixels)

    def _classified(
        self, numbers: Sequence[int], decoded: Sequence[Pixels | ImageError]
    ) -> Iterator[Probabilities | OpsinError]:
        """Run the model on one picture after the other."""
        for number, pixels in zip(numbers, decoded, strict=False):
            if isinstance(pixels, ImageError):
                yield pixels
                continue
            self._in_hand.note_run(number)
            try:
                yield self._runtime.run(pixels)[0]
            except RunFailed:
                yield ModelFailed(MODEL_FAILED)
            self._in_hand.clear()
