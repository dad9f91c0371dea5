"""A server under test: started in a process group of its own, waited for, stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from benchmarks import processes
from benchmarks.connection import LOOPBACK, Connection, NoAnswer, get_request
from benchmarks.folders import ROOT
from benchmarks.workload import Workload

START_S = 30.0
STOP_S = 40.0  # Opsin gives requests in hand 30 s
_POLL_S = 0.002
_USUAL = ("Opsin serves ", "Opsin runs on ", "Opsin takes at most ", "INFO: Created TensorFlow Lite")
_MAX_LINES_SHOWN = 10  # of what it wrote, once it has ended


class StartFailed(RuntimeError):
    """The service ended, or did not get ready; the text is what it said last."""


class Service:
    """A command that serves HTTP at `port`; as a context manager it is ready inside and gone after.

    Args:
        command: its words after Python.
        environ: its settings.
        port: where it serves.
        ready_path: answers 200 once it is ready.
        start_limit_s: after which it is given up.
        folder: of the checkout that serves.
        python: which runs it.
        host: where it serves, if it is not this one.
        enter: the words that run a command on that host.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        port: int,
        ready_path: str,
        start_limit_s: float = START_S,
        folder: Path = ROOT,
        python: Path = Path(sys.executable),
        host: str = LOOPBACK,
        enter: Sequence[str] = (),
    ) -> None:
        processes.exit_at_sigterm()
        own = {name: value for name, value in os.environ.items() if not name.startswith("OPSIN_")}
        self.port = port
        self._host = host
        self._ready_path = ready_path
        self._start_limit_s = start_limit_s
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            [*enter, str(python), *command],
            cwd=folder,
            env={**own, **environ},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.start_s = 0.0

    def __enter__(self) -> Service:
        """Wait until it is ready; `start_s` then says how long that took from the start of the process."""
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() - self._started_at > self._start_limit_s:
                said = " ".join(self.lines()[-_MAX_LINES_SHOWN:])  # the name of the error stands near the end
                self.__exit__(None, None, None)
                raise StartFailed(f"the service did not get ready; it said {said[-500:]!r}")
            time.sleep(_POLL_S)
        self.start_s = time.monotonic() - self._started_at
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop it, halted or not; kill what is left of its processes."""
        self.resume()
        pids = self.pids()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for pid in pids:  # some start a process group of their own
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        for line in self.lines()[-_MAX_LINES_SHOWN:]:
            print(f"    {line[:200]}", file=sys.stderr, flush=True)
        self._output.close()

    def stop(self) -> None:
        """Send SIGTERM to the main process, as an operator does, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            self._process.wait(STOP_S)

    def halt(self) -> None:
        """Stop all its processes where they are, until `resume`."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all its processes go on; those that were not halted notice nothing."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pids(self) -> list[int]:
        """All its processes."""
        return processes.family(self.pid)

    def lines(self) -> list[str]:
        """What it has written, but for what a start always says."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip() and not line.startswith(_USUAL)]

    def _is_ready(self) -> bool:
        try:
            with Connection(self.port, host=self._host, timeout_s=START_S) as connection:
                return connection.ask(get_request(self._ready_path)).status == 200
        except (OSError, NoAnswer):
            return False


def opsin(workload: Workload, *, folder: Path = ROOT, **settings: str) -> Service:
    """Opsin with its default settings and LiteRT, but for those given: ``workers="2"`` is ``OPSIN_WORKERS=2``.

    What it is compared with, its answers too, is LiteRT's; which other runtimes are installed must not matter.

    Args:
        workload: whose model is served.
        folder: of the checkout that serves.
        settings: its own.
    """
    port = free_port()
    environ = {
        "OPSIN_PORT": str(port),
        "OPSIN_REPOSITORY": str(workload.repository),
        "OPSIN_MODEL": workload.model,
        "OPSIN_RUNTIME": "litert",
        **{f"OPSIN_{name.upper()}": value for name, value in settings.items()},
    }
    return Service(["-m", "server"], environ, port=port, ready_path="/readyz", folder=folder)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
