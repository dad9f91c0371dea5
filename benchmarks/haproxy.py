"""A HAProxy in front of some ports of this machine, as a Service or a gateway stands in front of pods.

Debian's package haproxy. It listens on a port of its own and is told by its admin socket which servers are there.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from benchmarks.service import free_port

Kind = Literal["service", "gateway"]  # by connection and never again; by request, and again where none was answered
State = Literal["ready", "drain", "maint"]

START_S = 10.0
BUFFER_BYTES = 1024**2  # a request is sent again only where all of it is still there


class BalancerFailed(RuntimeError):
    """HAProxy is not installed, or did not start; the text says which."""


class Balancer:
    """See the module; as a context manager it runs inside and is gone after.

    Args:
        kind: `service` hands connections on, as kube-proxy does, and repeats nothing; `gateway` hands requests on, and
            repeats one whose server refused the connection or ended without an answer.
        ports: of the servers, in the order of their numbers; none is there until `set_state` says so.
    """

    def __init__(self, kind: Kind, ports: Sequence[int]) -> None:
        if (program := shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")) is None:
            raise BalancerFailed("haproxy is not installed: apt-get install haproxy")
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="haproxy-")
        folder = Path(self._folder.name)
        self._socket = folder / "admin"
        (folder / "haproxy.cfg").write_text(configuration(kind, self.port, ports, self._socket))
        self._process = subprocess.Popen(
            [program, "-db", "-f", folder / "haproxy.cfg"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def __enter__(self) -> Balancer:
        """Wait until it takes commands."""
        gives_up_at = time.monotonic() + START_S
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > gives_up_at:
                self.__exit__(None, None, None)
                raise BalancerFailed("haproxy did not start; what it said stands above")
            time.sleep(0.02)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def set_state(self, number: int, state: State) -> None:
        """Tell it that a server is asked (ready), keeps its connections alone (drain), or is gone (maint)."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._socket))
            admin.sendall(f"set server opsin/replica{number} state {state}\n".encode())
            admin.recv(4096)


def configuration(kind: Kind, port: int, ports: Sequence[int], admin: Path) -> str:
    """Write HAProxy's configuration; its checks are those of the Deployment's readinessProbe."""
    is_gateway = kind == "gateway"
    retries = "retries 3\n  option redispatch 1\n  retry-on conn-failure empty-response" if is_gateway else "retries 0"
    servers = "\n".join(
        f"  server replica{number} 127.0.0.1:{each} check inter 2s fastinter 1s fall 3 rise 1 disabled"
        for number, each in enumerate(ports)
    )
    return f"""global
  stats socket {admin} level admin
  tune.bufsize {BUFFER_BYTES if is_gateway else 16384}
defaults
  mode {"http" if is_gateway else "tcp"}
  timeout connect 1s
  timeout client 75s
  timeout server 75s
  timeout check 2s
  {retries}
frontend clients
  bind 127.0.0.1:{port}
  default_backend opsin
backend opsin
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
{servers}
"""
