"""The decoder process: it decodes one image at a time, within limits that the kernel enforces.

Its own timers end it, with the signals' default action, which no native code it is in can put off: SIGALRM at the
request's deadline, SIGPROF when it has computed for longer than the image should have taken. RLIMIT_DATA makes
allocations fail past the memory that an image may take. It has no thread of its own and no other's work.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import ImageError, ImageTooLarge
from models.pixels.decode_limits import limit_memory, limited_cpu
from models.pixels.formats.encoded import Cost, EncodedImage, Samples
from models.pixels.preprocessing import ImageLimits, PixelSpec, decode
from server.decoding.task_channel import TaskChannel
from server.memory import trim

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
DEFAULT = (signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGCHLD)
NICENESS = 5  # beside that of the HTTP workers, so that they and the engine come first
LOOK_AGAIN_S = 5.0
STANDARD_ERROR = 2
PR_SET_PDEATHSIG = 1  # prctl(2)
TRIMMED_FROM_BYTES = 4 * 1024**2  # decoding less leaves nothing worth giving back

_libc = ctypes.CDLL(None)


def decoder_main(channel: TaskChannel, others: Sequence[TaskChannel], limits: ImageLimits, *, master: int) -> None:
    """Decode until the worker and the master have gone; runs in the forked process.

    Args:
        channel: where its tasks come from.
        others: every channel there is.
        limits: of an image.
        master: the number of the parent, with which this process ends, too.
    """
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in DEFAULT:
        signal.signal(number, signal.SIG_DFL)
    os.nice(NICENESS)
    with Path(os.devnull).open("wb") as nowhere:  # libtiff tells standard error of each bad line of an image
        os.dup2(nowhere.fileno(), STANDARD_ERROR)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    channel.keep_only_own_end(others)
    limit_memory(limits.max_memory_bytes)
    while os.getppid() == master:
        try:
            num_bytes = _decode_next(channel, limits)
        except EOFError:
            return
        if num_bytes > TRIMMED_FROM_BYTES:
            trim()


def task_of(encoded: EncodedImage, spec: PixelSpec, *, deadline: float, cpu_s: float) -> dict[str, Any]:
    """Write what is to be done, without the encoded bytes.

    Args:
        encoded: from `models.pixels.preprocessing.read`.
        spec: of the model.
        deadline: in seconds of the monotonic clock.
        cpu_s: processor time after which the process ends.
    """
    samples, cost = encoded.samples, encoded.cost
    return {
        "format": encoded.format,
        "size": encoded.size,
        "orientation": encoded.orientation,
        "samples": [samples.bits, samples.is_signed, samples.is_white_zero],
        "cost": [cost.cpu_s, cost.memory_bytes],
        "num_components": encoded.num_components,
        "is_open": encoded.is_open,
        "is_one_scan": encoded.is_one_scan,
        "is_lossless": encoded.is_lossless,
        "spec": spec.to_dict(),
        "deadline": deadline,
        "cpu_s": cpu_s,
    }


def _decode_next(channel: TaskChannel, limits: ImageLimits) -> int:
    """Decode an image if one comes, and keep nothing of it; returns how much memory that took, in bytes."""
    taken = channel.receive(LOOK_AGAIN_S)
    if taken is None:
        return 0
    task, data = taken
    left_s = task["deadline"] - time.monotonic()
    if left_s <= 0:
        channel.reply(task["number"], ended=-signal.SIGALRM)
        return len(data)
    encoded = EncodedImage(
        format=task["format"],
        size=tuple(task["size"]),
        data=data,
        orientation=task["orientation"],
        samples=Samples(*task["samples"]),
        cost=Cost(*task["cost"]),
        num_components=task["num_components"],
        is_open=task["is_open"],
        is_one_scan=task["is_one_scan"],
        is_lossless=task["is_lossless"],
    )
    spec = PixelSpec.from_dict(task["spec"])
    reply: dict[str, Any] = {}
    signal.setitimer(signal.ITIMER_REAL, left_s)
    try:
        with limited_cpu(task["cpu_s"]):
            decode(encoded, spec, limits=limits, out=channel.pixels(spec))
    except ImageError as error:
        reply = {"error": error.code, "message": str(error)}
    except MemoryError:
        reply = {"error": ImageTooLarge.code, "message": f"the {encoded.format} image takes more memory than one may"}
    signal.setitimer(signal.ITIMER_REAL, 0)
    channel.reply(task["number"], **reply)
    return encoded.cost.memory_bytes + len(data)
