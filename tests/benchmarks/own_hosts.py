"""Two hosts in a network of their own, for test_network.py: what they answer before and after a cable is pulled."""

import json
import subprocess
import sys
import time
import urllib.request

from benchmarks import network

START_S, SHORT_S = 20.0, 0.5


def ask(host, timeout_s):
    """What a host answers, or that it does not."""
    try:
        with urllib.request.urlopen(f"http://{host.address}:{host.port}", timeout=timeout_s) as answer:
            return answer.status
    except OSError:
        return None


def answer_soon(host):
    gives_up_at = time.monotonic() + START_S
    while (status := ask(host, SHORT_S)) is None and time.monotonic() < gives_up_at:
        time.sleep(0.01)
    return status


def main():
    why_not = network.enter("own_hosts", sys.argv[1:])
    print(json.dumps({"why_not": why_not} if why_not else tried(network.cluster(2))))


def tried(hosts):
    servers = [
        subprocess.Popen(
            [*host.enter, sys.executable, "-m", "http.server", "--bind", host.address, str(host.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=sys.argv[1],
        )
        for host in hosts
    ]
    answered = [answer_soon(host) for host in hosts]
    hosts[0].cut()
    after = [ask(host, SHORT_S) for host in hosts]
    for server in servers:
        server.kill()
        server.wait()
    return {"addresses": [host.address for host in hosts], "answered": answered, "after": after}


if __name__ == "__main__":
    main()
