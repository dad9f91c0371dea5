"""A well-behaved client beside those that take more than their turn: `python -m benchmarks.attacks [NAME ...]`.

Each attack runs in a process of its own against a server of its own, with the default settings. The neighbour sends one
picture after the other, each on a connection of its own, without an attack and then beside it; the exit status is 1
where its p99 beside the attack is more than FACTOR times its own, or a request of its got no answer.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import resource
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from benchmarks import processes
from benchmarks.service import Service
from benchmarks.spread import percentile

FACTOR = 10.0
QUIET_S = 5.0
ATTACK_S = 8.0
PATIENCE_S = 10.0
START_S = 120.0  # on a machine with other work to do
PHOTO = Path(__file__).resolve().parent.parent / "tests" / "data" / "daisy_2408024540.jpg"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close drops the connection
PAGE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = PAGE.replace(b"/ ", b"/metrics ")
UPLOAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED = UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANNOUNCED = UPLOAD + b"Content-Length: 10000000\r\n\r\n"
HEAD = b"GET / HTTP/1.1\r\nX: "


def connect(port: int, number: int) -> list[socket.socket]:
    """Connect so many clients, of which each socket waits for nothing from then on."""
    clients = []
    for _ in range(number):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            client.setblocking(False)
            clients.append(client)
    return clients


def idle(port: int) -> None:
    """3,000 connections without a request."""
    _clients = connect(port, 3000)
    time.sleep(60)


def unread(port: int) -> None:
    """500 clients that ask for 200 pages each, and read none."""
    clients = connect(port, 500)
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(PAGE * 200)
    time.sleep(60)


def metrics(port: int) -> None:
    """4 connections that ask for /metrics without end."""
    ask_without_end(port, 4, METRICS)


def pages(port: int) -> None:
    """64 connections that ask for the page without end."""
    ask_without_end(port, 64, PAGE)


def ask_without_end(port: int, number: int, request: bytes) -> None:
    """Ask anew whenever an answer comes."""
    with selectors.DefaultSelector() as selector:
        for client in connect(port, number):
            client.send(request)
            selector.register(client, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                client = cast(socket.socket, key.fileobj)
                with contextlib.suppress(OSError):
                    if client.recv(1_000_000).endswith((b"\n", b"0\r\n\r\n")):
                        client.send(request)


def chunks(port: int) -> None:
    """64 uploads in chunks of one byte, as fast as they are taken."""
    send_without_end(port, 64, CHUNKED, b"1\r\nx\r\n" * 10_000)


def bytes_alone(port: int) -> None:
    """64 uploads, a byte at a time."""
    send_without_end(port, 64, ANNOUNCED, b"x")


def heads(port: int) -> None:
    """64 heads that never end, a byte at a time."""
    send_without_end(port, 64, HEAD, b"x")


def send_without_end(port: int, number: int, first: bytes, piece: bytes) -> None:
    """Send a piece whenever it is taken, and begin anew where the connection is over."""
    with selectors.DefaultSelector() as selector:

        def begin() -> None:
            for client in connect(port, 1):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.send(first)
                selector.register(client, selectors.EVENT_WRITE, [b""])

        for _ in range(number):
            begin()
        while True:
            for key, _ in selector.select():
                client, rest = cast(socket.socket, key.fileobj), key.data
                try:
                    rest[0] = rest[0] or piece
                    rest[0] = rest[0][client.send(rest[0]) :]
                except OSError:
                    selector.unregister(client)
                    client.close()
                    begin()


def resets(port: int) -> None:
    """500 clients at a time that connect and reset."""
    while True:
        for client in connect(port, 500):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()


ATTACKS: dict[str, Callable[[int], None]] = {
    attack.__name__: attack for attack in (idle, unread, metrics, pages, chunks, bytes_alone, heads, resets)
}


def ask(port: int, seconds: float) -> tuple[list[float], int]:
    """Send one picture after the other; gives the milliseconds of the answers, and how many there were not."""
    photo, times_ms, num_lost = PHOTO.read_bytes(), [], 0
    end = time.monotonic() + seconds
    while (started := time.monotonic()) < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/predict", photo)
            response = connection.getresponse()
            response.read()
            num_lost += response.status != 200
        except (OSError, http.client.HTTPException):
            num_lost += 1
        finally:
            connection.close()
        times_ms.append(1000 * (time.monotonic() - started))
    return times_ms, num_lost


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number


def main(names: list[str]) -> int:
    """Run the attacks of these names, or all; print a row of a table for each."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    is_bad = False
    print("| attack | p50, p99 without, ms | p50, p99 beside it, ms | lost | threads beside it, 20 s after |")
    print("|---|---|---|---|---|")
    for name in names or ATTACKS:
        port = free_port()
        server = Service(
            ["-m", "server"], {"OPSIN_PORT": str(port)}, port=port, ready_path="/readyz", start_limit_s=START_S
        )
        with server as service:
            ask(port, 2.0)
            quiet_ms, _ = ask(port, QUIET_S)
            attacker = multiprocessing.Process(target=ATTACKS[name], args=(port,), daemon=True)
            attacker.start()
            time.sleep(1.0)
            beside_ms, num_lost = ask(port, ATTACK_S)
            beside = num_threads(service.pid)
            attacker.kill()
            attacker.join()
            time.sleep(20.0)
            print(
                f"| {name} | {percentile(quiet_ms, 50):.0f}, {percentile(quiet_ms, 99):.0f} "
                f"| {percentile(beside_ms, 50):.0f}, {percentile(beside_ms, 99):.0f} "
                f"| {num_lost} of {len(beside_ms)} | {beside}, {num_threads(service.pid)} |",
                flush=True,
            )
            is_bad |= bool(num_lost) or percentile(beside_ms, 99) > FACTOR * percentile(quiet_ms, 99)
    return int(is_bad)


def num_threads(pid: int) -> int:
    """Count the threads of all processes of a server."""
    return sum(len(list((processes.PROC / str(one) / "task").iterdir())) for one in processes.family(pid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
