"""The channel of one decoder process: memory that it shares with its worker, and a socket for short messages.

The worker writes the encoded bytes and a task; the process writes pixels, then a reply. Tasks are numbered: a reply to
another than the last belongs to one that nobody waits for any more. A task that the process had begun when it ended is
replied to by the master, so that its worker hears of it at once; one that it had not begun, its successor takes.

Messages to the worker are JSON of a few fields, not pickles: a process that has been taken over by an image can send it
nothing but a wrong answer to that image. Made before the first fork and inherited; the kernel frees it.

Order: a message announces what stands in memory. It is sent and received under a lock in the kernel, so who has it sees
what was written before it, on processors that reorder, too. The master reads of a process when that has ended.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import select
import socket
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.pixels.preprocessing import PixelSpec

PAGE_BYTES = mmap.PAGESIZE
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python 3.11 does not name it
MAX_MESSAGE_BYTES = 8192
SPARE_BYTES = 1024**2  # a container that is written anew may be larger than what came


class TaskChannel:
    """See the module.

    Args:
        max_encoded_bytes: of one image.
        pixel_bytes: of the largest picture that a model takes.
    """

    def __init__(self, *, max_encoded_bytes: int, pixel_bytes: int) -> None:
        self.max_encoded_bytes = -(-(max_encoded_bytes + SPARE_BYTES) // PAGE_BYTES) * PAGE_BYTES
        flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        self._memory = mmap.mmap(-1, self.max_encoded_bytes + pixel_bytes, flags=flags)
        # The number of the last task, written by the worker, and of the last that the process began; how many
        # processes ended, written by the master; and the process that began that task.
        self._numbers = np.frombuffer(mmap.mmap(-1, PAGE_BYTES, flags=flags), np.uint64)
        self.worker_end, self.process_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    @property
    def last_task(self) -> int:
        """The number of the worker's last task."""
        return int(self._numbers[0])

    @property
    def begun_task(self) -> int:
        """The number of the last task that a process began."""
        return int(self._numbers[1])

    @property
    def num_ends(self) -> int:
        """How many processes have ended here."""
        return int(self._numbers[2])

    @property
    def last_pid(self) -> int:
        """The number of the process that began that task; 0 before the first."""
        return int(self._numbers[3])

    def pixels(self, spec: PixelSpec) -> NDArray[np.uint8]:
        """View the decoded picture: uint8 [spec.height_px, spec.width_px, 3]."""
        return np.ndarray((spec.height_px, spec.width_px, 3), np.uint8, self._memory, self.max_encoded_bytes)

    # The worker

    def send(self, encoded: bytes, task: dict[str, Any]) -> int:
        """Hand an image over, and return the task's number."""
        number = self.last_task + 1
        self._numbers[0] = number
        self._memory[: len(encoded)] = encoded
        self.worker_end.send(json.dumps({**task, "number": number, "num_bytes": len(encoded)}).encode())
        return number

    def wait_for_reply(self, number: int, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message if it is the reply to that task; None where it is not, or did not come in time."""
        if not _is_readable(self.worker_end, timeout_s):
            return None
        reply = json.loads(self.worker_end.recv(MAX_MESSAGE_BYTES))
        return reply if isinstance(reply, dict) and reply.get("number") == number else None

    # The process

    def receive(self, timeout_s: float) -> tuple[dict[str, Any], bytes] | None:
        """Begin the next task that is still wanted: what it asks for, and the encoded bytes.

        Raises:
            EOFError: there is no worker and no master any more.
        """
        if not _is_readable(self.process_end, timeout_s):
            return None
        message = self.process_end.recv(MAX_MESSAGE_BYTES)
        if not message:
            raise EOFError
        task = json.loads(message)
        if task["number"] != self.last_task:
            return None
        self._numbers[1], self._numbers[3] = task["number"], os.getpid()
        encoded = bytes(self._memory[: task["num_bytes"]])
        self._memory.madvise(mmap.MADV_REMOVE, 0, self.max_encoded_bytes)  # gives the memory back
        return task, encoded

    def reply(self, number: int, **fields: Any) -> None:
        """Say that a task is done, or why not."""
        self.process_end.send(json.dumps({**fields, "number": number}).encode())

    # The master

    def tell_end(self, status: int) -> None:
        """Reply in place of a process that has ended, and count it."""
        self._numbers[2] += np.uint64(1)
        try:
            self.process_end.send(
                json.dumps({"ended": status, "number": self.begun_task}).encode(), socket.MSG_DONTWAIT
            )
        except BlockingIOError:  # nobody reads them
            return

    def keep_only_own_end(self, others: Sequence[TaskChannel]) -> None:
        """Close in the decoder process what it must not use: the worker's end, and other channels."""
        self.worker_end.close()
        for other in others:
            if other is not self:
                other.worker_end.close()
                other.process_end.close()

    def close(self) -> None:
        """Close the sockets. A second call does nothing."""
        self.worker_end.close()
        self.process_end.close()


def _is_readable(end: socket.socket, timeout_s: float) -> bool:
    poll = select.poll()  # unlike select(), it takes descriptors of any number
    poll.register(end, select.POLLIN)
    return bool(poll.poll(math.ceil(1000 * max(0.0, timeout_s))))
