"""A HAProxy in front of some hosts of this machine, as a Service or a gateway stands in front of pods.

Debian's package haproxy. It listens on a port of its own and is told by its admin socket which servers are there.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from benchmarks.network import Host
from benchmarks.service import free_port

Kind = Literal["service", "gateway"]  # by connection and never again; by request, and again where none was answered
State = Literal["ready", "drain", "maint"]

START_S = 10.0
BUFFER_BYTES = 1024**2  # a request is sent again only where all of it is still there
# Of the gateway for an answer: more than the ten seconds that the server takes at most (OPSIN_REQUEST_TIMEOUT_MS).
TRY_S = 12
OF_SERVICE = "retries 0\n  timeout server 75s"
OF_GATEWAY = f"""timeout server {TRY_S}s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response response-timeout"""
TAKEN_OUT = "is DOWN"
# The second is a gateway's, as Envoy's panic mode is: where the checks have taken all servers out, all are asked again,
# for a machine that stands still lets every check fail and every request come late. A Service has no such thing.
CHECKED, UNCHECKED = "opsin", "unchecked"


class BalancerFailed(RuntimeError):
    """HAProxy is not installed, or did not start; the text says which."""


class Balancer:
    """See the module; as a context manager it runs inside and is gone after.

    Args:
        kind: `service` hands connections on, as kube-proxy does, and repeats nothing; `gateway` hands requests on, and
            repeats one whose server refused the connection, ended without an answer, or gave none in time.
        hosts: of the servers, in the order of their numbers; none is there until `set_state` says so.

    Attributes:
        taken_out: what it has said of servers that its checks took out, and when (monotonic).
    """

    def __init__(self, kind: Kind, hosts: Sequence[Host]) -> None:
        if (program := shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")) is None:
            raise BalancerFailed("haproxy is not installed: apt-get install haproxy")
        self.port = free_port()
        self.taken_out: list[tuple[float, str]] = []
        self._said: list[str] = []
        self._backends = (CHECKED, UNCHECKED) if kind == "gateway" else (CHECKED,)
        self._folder = tempfile.TemporaryDirectory(prefix="haproxy-")
        folder = Path(self._folder.name)
        self._socket = folder / "admin"
        (folder / "haproxy.cfg").write_text(configuration(kind, self.port, hosts, self._socket))
        self._process = subprocess.Popen(
            [program, "-db", "-f", folder / "haproxy.cfg"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Balancer:
        """Wait until it takes commands."""
        gives_up_at = time.monotonic() + START_S
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > gives_up_at:
                self.__exit__(None, None, None)
                raise BalancerFailed(f"haproxy did not start; it said {' '.join(self._said)[-500:]!r}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        self._process.stderr.close()
        self._folder.cleanup()

    def set_state(self, number: int, state: State) -> None:
        """Tell it that a server is asked (ready), keeps its connections alone (drain), or is gone (maint)."""
        for backend in self._backends:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(str(self._socket))
                admin.sendall(f"set server {backend}/replica{number} state {state}\n".encode())
                admin.recv(4096)

    def _listen(self) -> None:
        """Keep what it says."""
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        for line in self._process.stderr:
            self._said.append(line.strip())
            if TAKEN_OUT in line:
                self.taken_out.append((time.monotonic(), line.strip().rpartition(" : ")[2]))


def configuration(kind: Kind, port: int, hosts: Sequence[Host], admin: Path) -> str:
    """Write HAProxy's configuration; its checks are those of the Deployment's readinessProbe."""
    is_gateway = kind == "gateway"
    answers = OF_GATEWAY if is_gateway else OF_SERVICE
    servers = [f"  server replica{number} {host.address}:{host.port}" for number, host in enumerate(hosts)]
    checked, unchecked = (
        "\n".join(f"{server}{check} disabled" for server in servers) for check in (" check inter 2s fall 3 rise 1", "")
    )
    fallback = f"use_backend {UNCHECKED} if {{ nbsrv({CHECKED}) eq 0 }}" if is_gateway else ""
    fallen_back_to = f"backend {UNCHECKED}\n  balance roundrobin\n{unchecked}" if is_gateway else ""
    return f"""global
  stats socket {admin} level admin
  tune.bufsize {BUFFER_BYTES if is_gateway else 16384}
defaults
  mode {"http" if is_gateway else "tcp"}
  timeout connect 1s
  timeout client 75s
  timeout check 2s
  {answers}
frontend clients
  bind 127.0.0.1:{port}
  {fallback}
  default_backend {CHECKED}
backend {CHECKED}
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
{checked}
{fallen_back_to}
"""
