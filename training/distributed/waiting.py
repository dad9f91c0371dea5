"""Say for which workers a training waits, and end it where one does not come: TensorFlow waits in silence.

It connects in native code that keeps Python's lock, so that neither a thread of ours nor a handler of signals runs
meanwhile. A process of its own watches instead, and signals do what they do by default.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.distributed.cluster import VARIABLE, Cluster

LIMIT_S = 600.0
SAY_EVERY_S = 30.0
LOOK_EVERY_S = 2.0
ENDS = signal.SIGHUP  # number 1, the exit code of what may go well another time
ROOT = Path(__file__).resolve().parents[2]
MODULE = "training.distributed.waiting"


def require_free_port(cluster: Cluster) -> None:
    """Raise OSError where something listens on this worker's port already, or none may be opened there.

    TensorFlow would share the port with another that has the same number, and both would wait for ever.
    """
    port = int(cluster.address.rpartition(":")[2])
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise OSError(
            f"worker {cluster.index} cannot listen on port {port}, which {VARIABLE} gives it: {reason}; "
            "end the process that has it, or give it another port and start every worker again"
        ) from None


def answers(address: str, timeout_s: float = 1.0) -> bool:
    """Tell if somebody listens at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except OSError:
        return False
    return True


@contextmanager
def waiting_for(cluster: Cluster, *, limit_s: float = LIMIT_S, say_every_s: float = SAY_EVERY_S) -> Iterator[None]:
    """Watch, while the block connects, which of the workers answer.

    Args:
        cluster: the workers.
        limit_s: after which a line says for whom it waited, and this process ends with exit code 1.
        say_every_s: between lines that say so before.
    """
    request = json.dumps([cluster.addresses, limit_s, say_every_s])
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers[ENDS] = signal.getsignal(ENDS)
    end_at(ENDS)
    try:
        with subprocess.Popen([sys.executable, "-m", MODULE, request], cwd=ROOT, stdin=subprocess.PIPE) as watcher:
            try:
                yield
            finally:
                watcher.kill()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def end_at(number: signal.Signals) -> None:
    """Have a signal end this process by libc's `_exit`, whose exit code is then its number.

    What signals do by default they do not to the first process of a container.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    libc.signal(number, ctypes.cast(libc._exit, ctypes.c_void_p))


def main(argv: list[str]) -> None:
    """Watch until the input ends, as it does with the process that waits."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    addresses, limit_s, say_every_s = json.loads(argv[0])
    waits, begun_s = os.getppid(), time.monotonic()
    said_s = begun_s
    missing = dict(enumerate(addresses))  # and this one, whose address may be that of another machine
    while not select.select([sys.stdin], [], [], min(LOOK_EVERY_S, limit_s))[0]:
        missing = {index: address for index, address in missing.items() if not answers(address)}
        who = ", ".join(f"worker {index} ({address})" for index, address in missing.items()) or "the others"
        now_s = time.monotonic()
        if now_s - begun_s >= limit_s:
            say(f"waited {limit_s:g} s for {who}: start every worker with the same command and {VARIABLE}")
            os.kill(waits, ENDS)
            return
        if now_s - said_s >= say_every_s:
            said_s = now_s
            say(f"waiting for {who}, for {limit_s - (now_s - begun_s):.0f} s more")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
