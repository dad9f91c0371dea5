"""The HTTP worker's decoding: chooses where an image is decoded, and refuses what cannot be decoded in time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from models import errors
from models.errors import CorruptImage, ImageError, ImageTooLarge
from models.pixels.decode_limits import MAX_ATTEMPTS, UNEXPLAINED_ENDS, error_of_end, max_cpu_s
from models.pixels.preprocessing import ImageLimits, Pixels, PixelSpec, ReadImage, decode, read
from server.decoding.decode_queue import DecodeQueue
from server.decoding.process import task_of
from server.decoding.task_channel import TaskChannel
from server.engine.errors import DeadlineExceeded
from server.request_errors import Overloaded
from server.tracing.stages import PID, Stages

# More would not be faster, decoding being all computation.
MAX_PLAIN_DECODES = 2
# Most photos. They are decoded beside larger ones, so that none waits until one of those is done.
MAX_CHEAP_CPU_S, MAX_CHEAP_MEMORY_BYTES = 0.02, 8 * 1024**2
MAX_PLAIN_CPU_S, MAX_PLAIN_MEMORY_BYTES = 0.15, 32 * 1024**2
# What is neither plain nor more than this has a process of its own: it waits for nothing large.
MAX_SMALL_CPU_S, MAX_SMALL_MEMORY_BYTES = 0.3, 128 * 1024**2
OVERHEAD_S = 0.001  # of an image beside what its header says
MARGIN = 1.5  # of the predicted wait: a request refused now is better off than one that waits in vain
GRACE_S = 1.0  # past the deadline, for the master to hear that a process ended

ERRORS = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ImageError)}


class Decoder:
    """Decodes the images of one HTTP worker; any number of threads may use it.

    Args:
        channels: of this worker's decoder processes: for small images, and for large ones; with one channel, it is for
            both, and without any the worker decodes all by itself.
        limits: of an image.
        note_decode: told what the decoding of each image took, in seconds, or what it took to refuse it.
        note_queue: told what each image waited for its turn, in seconds.
        clock: monotonic.
    """

    def __init__(
        self,
        channels: Sequence[TaskChannel] = (),
        *,
        limits: ImageLimits | None = None,
        note_decode: Callable[[float], None] = lambda _: None,
        note_queue: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._clock = limits or ImageLimits(), clock
        self._note_decode, self._note_queue = note_decode, note_queue
        self._cheap: DecodeQueue[None] = DecodeQueue([None] * MAX_PLAIN_DECODES, clock=clock)
        # Until an image has been decoded in one, the queue of cheaper ones tells how fast this machine is.
        self._plain: DecodeQueue[None] = DecodeQueue([None] * MAX_PLAIN_DECODES, like=self._cheap, clock=clock)
        self._others = [DecodeQueue([channel], like=self._plain, clock=clock) for channel in channels]

    def read(self, upload: bytes | memoryview, spec: PixelSpec, stages: Stages | None = None) -> ReadImage | ImageError:
        """Read an upload's header, and find out what it will cost; what that takes counts where it is refused."""
        started = self._clock()
        try:
            return read(upload, spec, limits=self._limits)
        except ImageError as error:
            ended = self._clock()
            self._note_decode(ended - started)
            if stages is not None:
                stages.note("decode", started, ended, {PID: os.getpid()})
                stages.fail(error.code)
            return bare(error)

    @contextmanager
    def admitted(self, images: Sequence[ReadImage | ImageError | Pixels], deadline: float) -> Iterator[Admitted]:
        """Count images in hand until they are decoded, or the context is left.

        Raises:
            Overloaded: they cannot all be decoded by the deadline.
        """
        wanted: dict[DecodeQueue[Any], list[float]] = {}
        for image in images:
            if isinstance(image, ReadImage):
                wanted.setdefault(self.queue_of(image), []).append(_cost_s(image))
        for queue, costs_s in wanted.items():
            if (
                not queue.is_idle
                and self._clock() + MARGIN * queue.wait_s(costs_s, request_size=len(images)) > deadline
            ):
                wait_s = queue.wait_s()
                raise Overloaded(f"the images in hand take {wait_s:.0f} s to decode, try again later", wait_s=wait_s)
        admitted = Admitted(self, wanted, request_size=len(images))
        try:
            yield admitted
        finally:
            admitted.end()

    def decode(
        self,
        image: ReadImage,
        spec: PixelSpec,
        *,
        deadline: float,
        out: Pixels,
        request_size: int = 1,
        check_client: Callable[[], object] = lambda: None,
        stages: Stages | None = None,
    ) -> None:
        """Wait for an image's turn and decode it.

        Args:
            image: from ``read``.
            spec: of the model.
            deadline: in seconds of the clock.
            out: uint8 [spec.height_px, spec.width_px, 3], to be filled.
            request_size: the number of images of its request.
            check_client: called while it waits; raises an OpsinError where nobody waits for the image any more.
            stages: of its request, to note both among; None where no trace is wanted.

        Raises:
            ImageError: it is broken, or takes more than its header said.
            Overloaded: it would not be decoded in time.
            DeadlineExceeded: the deadline passed first.
        """
        asked = self._clock()
        if stages is not None:
            stages.begin("decode_queue", asked, {PID: os.getpid()})
        queue = self.queue_of(image)
        turn = queue.acquire(_cost_s(image), deadline, request_size=request_size, check_client=check_client)
        with turn as channel:
            if channel is None:
                self._run(partial(decode, image.encoded, spec, limits=self._limits, out=out), image, asked, stages)
            else:
                decode_at = partial(self._decode_at, channel, image, spec, deadline=deadline, out=out)
                self._run(decode_at, image, asked, stages, channel)

    def decode_at_once(self, image: ReadImage, spec: PixelSpec, *, out: Pixels, stages: Stages | None = None) -> None:
        """Decode a plain and cheap image, whoever waits: where others would, for as long as it takes.

        Raises:
            ImageError: it is broken.
        """
        asked = self._clock()
        if stages is not None:
            stages.begin("decode_queue", asked, {PID: os.getpid()})
        self._run(partial(decode, image.encoded, spec, limits=self._limits, out=out), image, asked, stages)

    def _run(
        self,
        decode_it: Callable[[], object],
        image: ReadImage,
        asked: float,
        stages: Stages | None,
        channel: TaskChannel | None = None,
    ) -> None:
        """Decode an image, and note how long it has waited since it was asked for, and how long that takes."""
        started = self._clock()
        self._note_queue(started - asked)
        if stages is not None:
            stages.end(started)
            stages.begin("decode", started)
        try:
            decode_it()
        finally:
            ended = self._clock()
            self._note_decode(ended - started)
            if stages is not None:
                stages.end(ended, _what_was_decoded(image, channel))

    def queue_of(self, image: ReadImage) -> DecodeQueue[Any]:
        """Choose where an image is decoded."""
        cost = image.cost

        def is_within(cpu_s: float, memory_bytes: int) -> bool:
            return cost.cpu_s <= cpu_s and cost.memory_bytes <= memory_bytes

        if not self._others or (image.encoded.is_plain and is_within(MAX_PLAIN_CPU_S, MAX_PLAIN_MEMORY_BYTES)):
            return self._cheap if is_within(MAX_CHEAP_CPU_S, MAX_CHEAP_MEMORY_BYTES) else self._plain
        return self._others[0 if is_within(MAX_SMALL_CPU_S, MAX_SMALL_MEMORY_BYTES) else -1]

    def _decode_at(
        self, channel: TaskChannel, image: ReadImage, spec: PixelSpec, *, deadline: float, out: Pixels
    ) -> None:
        encoded = image.encoded
        if len(encoded.data) > channel.max_encoded_bytes:
            raise ImageTooLarge(
                f"the image has {len(encoded.data):,} bytes; at most {channel.max_encoded_bytes:,} are read"
            )
        cpu_s = max_cpu_s(image.cost)
        task = task_of(encoded, spec, deadline=deadline, cpu_s=cpu_s)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            number = channel.send(encoded.data, task)
            reply = None
            while reply is None and (left_s := deadline + GRACE_S - self._clock()) > 0:
                reply = channel.wait_for_reply(number, left_s)
            if reply is None or reply.get("ended") == -signal.SIGALRM:
                raise DeadlineExceeded("the request's deadline passed while its images were decoded")
            if "error" in reply:
                raise ERRORS.get(reply["error"], CorruptImage)(str(reply.get("message")))
            if "ended" not in reply:
                out[:] = channel.pixels(spec)
                return
            if reply["ended"] not in UNEXPLAINED_ENDS or attempt == MAX_ATTEMPTS:
                raise error_of_end(reply["ended"], encoded.format, cpu_s)


def _what_was_decoded(image: ReadImage, channel: TaskChannel | None) -> dict[str, str | int]:
    """Tell a trace which process decoded an image, and what it was."""
    return {
        PID: os.getpid() if channel is None else channel.last_pid,
        "opsin.image.format": image.encoded.format,
        "opsin.image.bytes": len(image.encoded.data),
    }


def bare(error: ImageError) -> ImageError:
    """Take from an error what it came from: frames, and in them the upload, which a cycle of objects would keep."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class Admitted:
    """The images of one request, in hand until they are decoded.

    Args:
        decoder: decodes them.
        costs_s: of those that wait in each queue.
        request_size: the number of its images, those that are broken included.
    """

    def __init__(
        self, decoder: Decoder, costs_s: Mapping[DecodeQueue[Any], Sequence[float]], *, request_size: int
    ) -> None:
        self._decoder, self._request_size = decoder, request_size
        self._in_hand = [(queue, cost_s) for queue, costs in costs_s.items() for cost_s in costs]
        for queue, cost_s in self._in_hand:
            queue.add(cost_s, request_size=request_size)

    def decode(self, image: ReadImage, spec: PixelSpec, **options: Any) -> None:
        """Decode one of them, as `Decoder.decode` does."""
        try:
            self._decoder.decode(image, spec, request_size=self._request_size, **options)
        finally:
            queue, cost_s = self._decoder.queue_of(image), _cost_s(image)
            self._in_hand.remove((queue, cost_s))
            queue.remove(cost_s, request_size=self._request_size)

    def end(self) -> None:
        """Count those that are left no more. A second call does nothing."""
        while self._in_hand:
            queue, cost_s = self._in_hand.pop()
            queue.remove(cost_s, request_size=self._request_size)


def _cost_s(image: ReadImage) -> float:
    return image.cost.cpu_s + OVERHEAD_S
