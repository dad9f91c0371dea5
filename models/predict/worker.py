"""The worker process: it reads, decodes and classifies one picture after the other, with a runtime of one thread.

It shares nothing with other workers, so that a core each is all they need. A picture at a time is as fast as several
(docs/predict.md), and its answer the same to the last bit whatever it lies beside: the softmax of several is not.
One that breaks native code ends the process; which it was stands in memory that the pool shares. Limits of decoding are
those of the server's decoders.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import signal
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from models.errors import ImageError, ModelFailed, OpsinError, RunFailed
from models.pixels.decode_limits import limit_memory, limited_cpu, max_cpu_s
from models.pixels.preprocessing import ImageLimits, decode, read
from models.predict.pictures import Pictures, shown_name
from models.predict.rows import Rows
from models.predict.tasks import Answered
from models.runtime import Runtime, RuntimeName, load_runtime
from models.runtime.tensors import Probabilities
from models.store.artifact import Artifact

READY = True
PR_SET_PDEATHSIG = 1  # prctl(2)
STANDARD_ERROR = 2
REPLY_S = 0.1
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

    def note_run(self) -> None:
        """Note that the model runs on it now."""
        self._memory[1] = _RUN

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
    `Worker.answer` returns, until all are answered. A text instead is an error that ends the run. All of it is JSON.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal tells all; the pool decides
    with Path(os.devnull).open("wb") as nowhere:  # what native libraries say of themselves, and of bad pictures
        os.dup2(nowhere.fileno(), STANDARD_ERROR)

    def send(message: object) -> None:
        connection.send_bytes(json.dumps(message).encode())

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
                send(answered)
                first += len(answered.lines)
    except (EOFError, BrokenPipeError):  # the pool has gone
        return
    except OpsinError as error:
        send(str(error))


class Worker:
    """Turns pictures into lines."""

    def __init__(self, runtime: Runtime, in_hand: InHand, job: Job) -> None:
        self._runtime, self._in_hand, self._job = runtime, in_hand, job
        spec = job.artifact.manifest.pixels
        self._pixels = np.empty((1, spec.height_px, spec.width_px, 3), np.uint8)

    def answer(self, numbers: Iterable[int]) -> Answered:
        """Return the lines of the first pictures, as many as REPLY_S lets, and how many of them say an error."""
        found: list[tuple[str, Probabilities | OpsinError]] = []
        reply_at = time.monotonic() + REPLY_S
        with limited_cpu(REPLY_CPU_S):
            for number in numbers:
                name = shown_name(self._job.pictures.names[number])
                try:
                    found.append((name, self._probabilities(number)))
                except (ImageError, ModelFailed) as error:
                    found.append((name, error))
                finally:
                    self._in_hand.clear()
                if time.monotonic() >= reply_at:
                    break
        # All rows after all pictures: one between two pictures takes four times as long, for its code is not at hand.
        rows = self._job.rows
        lines = [
            rows.refused(name, each) if isinstance(each, OpsinError) else rows.answered(name, each)
            for name, each in found
        ]
        return Answered(lines, sum(isinstance(each, OpsinError) for _, each in found))

    def _probabilities(self, number: int) -> Probabilities:
        spec, limits = self._job.artifact.manifest.pixels, self._job.limits
        image = read(self._job.pictures.read(number, limits.max_bytes), spec, limits=limits)
        self._in_hand.note_decoded(number)
        is_usual = image.encoded.is_plain and image.cost.cpu_s <= USUAL_CPU_S
        with nullcontext() if is_usual else limited_cpu(max_cpu_s(image.cost)):
            decode(image.encoded, spec, limits=limits, out=self._pixels[0])
        self._in_hand.note_run()
        try:
            probabilities: Probabilities = self._runtime.run(self._pixels)[0]
        except RunFailed as error:
            raise ModelFailed(MODEL_FAILED) from error
        if not np.isfinite(probabilities).all():
            raise ModelFailed(MODEL_FAILED)
        return probabilities
