"""Hosts of their own for servers of one machine: each a network namespace with an address, as a pod has one.

`enter` runs the command again in a network of its own, in which nothing else is: no address of the machine is used, no
packet leaves it, and all is gone with the last process. There `cluster` connects namespaces by a bridge (veth pairs).
Linux with util-linux and iproute2, as root or where users may make namespaces; elsewhere hosts are ports on loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.connection import LOOPBACK
from benchmarks.service import free_port

IP = "ip"
PORT = 5000
SWITCH = "switch"
# RFC 2544 has these addresses for benchmarks; the switch has the first, which is that of the balancer.
PREFIX, FIRST = "198.18.0.", 10
MAX_HOSTS = 200
_MARK = "BENCHMARK_NETWORK"
_ALONE = ("unshare", "--net", "--mount")
_AS_ROOT = ("--user", "--map-root-user")
_TRIAL = "mount -t tmpfs tmpfs /run && ip netns add trial && ip link add trial type bridge"
_SCRIPT = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"'  # names of namespaces are kept in /run


@dataclass(frozen=True, slots=True)
class Host:
    """Where a server stands.

    Attributes:
        address: which it listens on.
        port: likewise.
        enter: the words that run a command there.
        cable: what connects it; None on loopback.
    """

    address: str
    port: int
    enter: tuple[str, ...] = ()
    cable: str | None = None

    def cut(self) -> None:
        """Pull its cable: nothing reaches it or comes from it, and nobody is told."""
        _ip("link", "set", str(self.cable), "down")


def enter(module: str, arguments: Sequence[str]) -> str:
    """Have a module run in a network of its own; comes back where it does so already, or to say why it cannot."""
    if os.environ.pop(_MARK, None):
        return ""
    alone = [*_ALONE, *(() if os.geteuid() == 0 else _AS_ROOT)]
    if missing := [needed for needed in (*alone[:1], "nsenter", IP) if shutil.which(needed) is None]:
        return f"{missing[0]} is not installed"
    tried = subprocess.run([*alone, "sh", "-c", _TRIAL], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        sys.stdout.flush()
        command = [*alone, "sh", "-c", _SCRIPT, "-", sys.executable, "-m", module, *arguments]
        os.execvpe(command[0], command, {**os.environ, _MARK: "1"})  # noqa: S606 - no shell is what is wanted
    return " ".join(tried.stderr.split()) or f"unshare ended with status {tried.returncode}"


def cluster(num_hosts: int) -> list[Host]:
    """Make hosts and what connects them, once, in the network that `enter` has made."""
    if num_hosts > MAX_HOSTS:
        raise ValueError(f"num_hosts must be at most {MAX_HOSTS}, got {num_hosts}")
    _ip("link", "add", SWITCH, "type", "bridge")
    _ip("address", "add", f"{PREFIX}1/24", "dev", SWITCH)
    _ip("link", "set", SWITCH, "up")
    return [_host(number) for number in range(num_hosts)]


def on_loopback(num_hosts: int) -> list[Host]:
    """Take free ports of this machine."""
    return [Host(LOOPBACK, free_port()) for _ in range(num_hosts)]


def _host(number: int) -> Host:
    name, cable, address = f"host{number}", f"cable{number}", f"{PREFIX}{FIRST + number}"
    _ip("netns", "add", name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", cable, "master", SWITCH, "up")
    _ip("-netns", name, "address", "add", f"{address}/24", "dev", "eth0")
    for link in ("lo", "eth0"):
        _ip("-netns", name, "link", "set", link, "up")
    return Host(address, PORT, ("nsenter", f"--net=/run/netns/{name}"), cable)


def _ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True)
