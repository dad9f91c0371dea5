"""Say for which workers a training waits, and end it where one does not come: TensorFlow waits in silence."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from training.distributed.cluster import Cluster

LIMIT_S = 600.0
SAY_EVERY_S = 30.0
LOOK_EVERY_S = 2.0
EXIT_CODE = 1  # as of what may go well another time


def answers(address: str, timeout_s: float = 1.0) -> bool:
    """Tell if somebody listens at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except OSError:
        return False
    return True


@contextmanager
def waiting_for(
    cluster: Cluster,
    *,
    limit_s: float = LIMIT_S,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    leave: Callable[[int], object] = os._exit,
) -> Iterator[None]:
    """Watch, while the block connects, which of the others answer.

    Args:
        cluster: the workers.
        limit_s: after which `leave` is called with an exit code, as the block stands in native code.
        say: called with a line.
        leave: ends the process.
    """
    is_over = threading.Event()
    thread = threading.Thread(target=_watch, args=(cluster, is_over, limit_s, say, leave), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _watch(
    cluster: Cluster,
    is_over: threading.Event,
    limit_s: float,
    say: Callable[[str], None],
    leave: Callable[[int], object],
) -> None:
    begun_s = time.monotonic()
    said_s = begun_s
    missing = {index: address for index, address in enumerate(cluster.addresses) if index != cluster.index}
    while not is_over.wait(min(LOOK_EVERY_S, limit_s)):
        missing = {index: address for index, address in missing.items() if not answers(address)}
        who = ", ".join(f"worker {index} ({address})" for index, address in missing.items()) or "the others"
        now_s = time.monotonic()
        if now_s - begun_s >= limit_s:
            say(f"waited {limit_s:g} s for {who}: start every worker with the same command and TF_CONFIG")
            leave(EXIT_CODE)
            return
        if now_s - said_s >= SAY_EVERY_S:
            said_s = now_s
            say(f"waiting for {who}, for {limit_s - (now_s - begun_s):.0f} s more")
