"""The command `python -m benchmarks.rollout`: rolls replicas under load as Kubernetes does, kills one, cuts one off.

Each replica has a network namespace of its own, as a pod has (where none can be made, a port on loopback), behind
HAProxy, once as behind a Service and once as behind a gateway that repeats requests. One after the other they are
replaced as by deploy/kubernetes/base/deployment.yaml: a new one is ready first; the old one sleeps (preStop) while the
balancer hears that it goes, gets SIGTERM, and finishes what is in hand. Then all processes of one are killed at once,
and the cable of another is pulled. The exit status is 1 where a request failed that should not have.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import machine, network
from benchmarks.haproxy import TRY_S, Balancer, BalancerFailed, Kind
from benchmarks.network import Host
from benchmarks.open_loop import OpenLoop
from benchmarks.phases import HEADING, Phase, phases_of
from benchmarks.replicas import Replicas
from benchmarks.workload import shipped

STEADY_S = 3.0
AFTER_KILL_S = 4.0
# The probe's three periods and timeouts, and a connection that is tried meanwhile.
FOUND_OUT_S = 3 * 2.0 + 2.0 + 1.0
PATIENCE_S = 2.0 * TRY_S
LONGEST_S = 300.0
KINDS: tuple[Kind, ...] = ("service", "gateway")
MODULE = "benchmarks.rollout"


def run(kind: Kind, hosts: Sequence[Host], *, num_replicas: int, rate: float, num_clients: int) -> list[Phase]:
    """Roll, kill and cut off behind one kind of balancer, and tell what came of the requests meanwhile."""
    workload = shipped()
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer(kind, hosts))
        replicas = Replicas(workload, hosts, balancer, stack)
        for _ in range(num_replicas):
            replicas.add()
        load = OpenLoop(balancer.port, workload.requests(), num_clients=num_clients)
        options = {"rate": rate, "seconds": LONGEST_S, "patience_s": PATIENCE_S}
        client = threading.Thread(target=load.run, kwargs=options, daemon=True)
        client.start()
        began_at, began_s = time.monotonic(), {f"{kind}: steady": 0.0}
        time.sleep(STEADY_S)
        began_s[f"{kind}: rolled"] = load.now_s
        for number in list(replicas.running):
            replicas.replace(number)
        time.sleep(STEADY_S)
        began_s[killed := f"{kind}: one killed"] = load.now_s
        replicas.kill(min(replicas.running))
        lost_until_s = {killed: load.now_s}
        time.sleep(AFTER_KILL_S)
        if hosts[0].cable:
            replicas.add()
            began_s[cut_off := f"{kind}: one cut off"] = load.now_s
            replicas.cut_off(min(replicas.running))
            time.sleep(FOUND_OUT_S)
            lost_until_s[cut_off] = load.now_s
            time.sleep(AFTER_KILL_S)
        load.end()
        client.join()
        taken_out = list(balancer.taken_out)
    for at, what in taken_out:
        print(f"{kind}, after {at - began_at:.1f} s: {what}", flush=True)
    return phases_of(load.outcomes, began_s, lost_until_s if kind == "service" else {})


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns 0, 1 where a request failed, or 2 where there is no HAProxy."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--rate", type=float, default=20, help="requests a second, each with a photo")
    parser.add_argument("--clients", type=int, default=12, help="connections that are kept and used in turn")
    parser.add_argument("--only", choices=KINDS, action="append", help="one kind of balancer; default: both")
    parser.add_argument("--loopback", action="store_true", help="ports on loopback, and none is cut off")
    arguments = parser.parse_args(argv)
    kinds: Sequence[Kind] = arguments.only or KINDS
    why_not = "as told" if arguments.loopback else network.enter(MODULE, sys.argv[1:] if argv is None else argv)
    num_hosts = 2 * arguments.replicas + 1
    make = network.on_loopback if why_not else network.cluster
    hosts = make(num_hosts * len(kinds))
    if why_not:
        print(f"the replicas are ports on loopback ({why_not}), so none is cut off")
    phases: list[Phase] = []
    try:
        for number, kind in enumerate(kinds):
            own = hosts[number * num_hosts : (number + 1) * num_hosts]
            phases += run(
                kind, own, num_replicas=arguments.replicas, rate=arguments.rate, num_clients=arguments.clients
            )
    except BalancerFailed as error:
        print(f"python -m {MODULE}: {error}", file=sys.stderr)
        return 2
    print(machine.in_words(machine.describe()))
    print(HEADING)
    print("\n".join(phase.row() for phase in phases))
    return 0 if all(phase.is_met for phase in phases) else 1


if __name__ == "__main__":
    sys.exit(main())
