"""Read TF_CONFIG: which machines train together, and which of them this one is. No TensorFlow is needed for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "TF_CONFIG"
WORKER = "worker"
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}, '
    "with the index of each machine"
)
MAX_PORT = 65535
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers of a training; number 0 is the chief, which alone writes.

    Attributes:
        addresses: "host:port" of each worker, in order.
        index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def address(self) -> str:
        """The address of this process."""
        return self.addresses[self.index]


def cluster_from(environment: Mapping[str, str]) -> Cluster:
    """Read the cluster from TF_CONFIG.

    Raises:
        ValueError: it is missing or wrong; the message says what, and what is expected.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        raise ValueError(f"--strategy multi-worker reads the workers from {VARIABLE}, which is not set: {EXAMPLE}")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise _wrong(f"is no JSON ({error})") from error
    cluster, task = _part(values, "cluster"), _part(values, "task")
    addresses = _addresses(cluster)
    kind, index = task.get("type"), task.get("index")
    if kind != WORKER:
        raise _wrong(f'has the task type {json.dumps(kind)}: every process is a "worker", and the first one the chief')
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(addresses):
        raise _wrong(f"has the task index {json.dumps(index)}: expected 0 to {len(addresses) - 1}, a number per worker")
    return Cluster(addresses, index)


def _part(values: Any, name: str) -> dict[str, Any]:
    part = values.get(name) if isinstance(values, dict) else None
    if not isinstance(part, dict):
        raise _wrong(f'has no "{name}"')
    return part


def _addresses(cluster: dict[str, Any]) -> tuple[str, ...]:
    if others := sorted(cluster.keys() - {WORKER}):
        raise _wrong(f"has jobs that this training has not ({', '.join(others)}): list all machines as workers")
    addresses = cluster.get(WORKER)
    if not isinstance(addresses, list) or not addresses:
        raise _wrong('has no list of addresses in "cluster"."worker"')
    for address in addresses:
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if not found or not 1 <= int(found[2]) <= MAX_PORT:
            raise _wrong(f"has the worker {json.dumps(address)}: expected host:port with a port of 1 to {MAX_PORT}")
    if twice := sorted({address for address in addresses if addresses.count(address) > 1}):
        raise _wrong(f"has a worker twice: {', '.join(twice)}")
    return tuple(addresses)


def _wrong(what: str) -> ValueError:
    return ValueError(f"{VARIABLE} {what}; expected {EXAMPLE}")
