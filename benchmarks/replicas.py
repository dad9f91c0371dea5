"""Replicas of the server behind a balancer: started, rolled as Kubernetes does it, killed, cut off."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.haproxy import Balancer
from benchmarks.network import Host
from benchmarks.service import Service
from benchmarks.workload import Workload

PRESTOP_S = 5.0  # as in deploy/kubernetes/base/deployment.yaml
HEARD_AFTER_S = 2.0  # when the balancer knows that a replica goes or has gone, which no pod can know
START_S = 60.0


class Replicas:
    """Each has the next of the hosts.

    Args:
        workload: what they serve.
        hosts: one for each that will ever be.
        balancer: is told of them.
        stack: ends what still runs.
    """

    def __init__(self, workload: Workload, hosts: Sequence[Host], balancer: Balancer, stack: ExitStack) -> None:
        self._workload, self._hosts = workload, list(hosts)
        self._balancer, self._stack = balancer, stack
        self._number = 0
        self.running: dict[int, Service] = {}

    def add(self) -> None:
        """Start one, and have it asked once it is ready."""
        number, host = self._number, self._hosts[self._number]
        environ = {
            "OPSIN_HOST": host.address,
            "OPSIN_PORT": str(host.port),
            "OPSIN_ALLOW_ANONYMOUS": "1",
            "OPSIN_REPOSITORY": str(self._workload.repository),
            "OPSIN_MODEL": self._workload.model,
            "OPSIN_RUNTIME": "litert",
            "OPSIN_WORKERS": "1",
        }
        service = Service(
            ["-m", "server"],
            environ,
            port=host.port,
            ready_path="/readyz",
            start_limit_s=START_S,
            host=host.address,
            enter=host.enter,
        )
        self.running[number] = self._stack.enter_context(service)
        self._balancer.set_state(number, "ready")
        self._number += 1

    def replace(self, number: int) -> None:
        """Roll one: the next is ready before it goes; it sleeps (preStop) while the balancer hears, and is stopped."""
        self.add()
        told = threading.Timer(HEARD_AFTER_S, self._balancer.set_state, (number, "drain"))
        told.start()
        time.sleep(PRESTOP_S)
        told.join()
        self.running.pop(number).stop()
        self._balancer.set_state(number, "maint")

    def kill(self, number: int) -> None:
        """End all processes of one, as when memory is lost; its node sees that, and tells the balancer."""
        os.killpg(self.running.pop(number).pid, signal.SIGKILL)
        time.sleep(HEARD_AFTER_S)
        self._balancer.set_state(number, "maint")

    def cut_off(self, number: int) -> None:
        """Pull the cable of one, as when a node is lost: the balancer finds out by itself."""
        self._hosts[number].cut()
        self.running.pop(number)
