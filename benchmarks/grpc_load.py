"""Closed-loop load over gRPC: `python -m benchmarks.grpc_load ADDRESS FOLDER --connections N --seconds S`.

Each of so many channels sends the next message of the folder once it has its answer. The client is gRPC's own for
Python, whose calls take several times the processor time of wrk's requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks import processes
from benchmarks.service import Service
from benchmarks.wrk import Load

METHOD = "/inference.GRPCInferenceService/ModelInfer"
ANSWER_TIMEOUT_S = 60
OK = "200"  # as wrk counts those that are answered


def run_grpc(service: Service, address: str, messages: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Load a service, the messages in turn, from a process of its own."""
    cpu_before_s = processes.cpu_s(service.pids())
    with tempfile.TemporaryDirectory() as folder:
        for index, message in enumerate(messages):
            (Path(folder) / f"{index:06}").write_bytes(message)
        command = [sys.executable, "-m", "benchmarks.grpc_load", address, folder]
        command += ["--connections", str(connections), "--seconds", str(seconds)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    record = json.loads(output)
    num_answers = sum(record["statuses"].values())
    return Load(
        **record, cpu_ms_per_answer=1000 * (processes.cpu_s(service.pids()) - cpu_before_s) / max(1, num_answers)
    )


async def load(address: str, messages: Sequence[bytes], *, connections: int, seconds: float) -> dict[str, object]:
    """Send messages for so long, after a second of warm-up, and count what comes back."""
    import grpc

    begin = time.monotonic() + 1.0
    until = begin + seconds
    codes, times_ms = Counter[str](), list[float]()

    async def client(first: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
        async with grpc.aio.insecure_channel(address, options) as channel:
            call, number = channel.unary_unary(METHOD), first
            while (started := time.monotonic()) < until:
                try:
                    await call(messages[number % len(messages)], timeout=ANSWER_TIMEOUT_S)
                    code = OK
                except grpc.aio.AioRpcError as error:
                    code = error.code().name
                if started >= begin:
                    codes[code] += 1
                    times_ms.append(1000 * (time.monotonic() - started))
                number += connections

    await asyncio.gather(*(client(number) for number in range(connections)))
    times_ms.sort()
    last = len(times_ms) - 1
    return {
        "rate": codes[OK] / seconds,
        "p50_ms": times_ms[last // 2],
        "p99_ms": times_ms[last * 99 // 100],
        "max_ms": times_ms[last],
        "statuses": dict(codes),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Load a server and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grpc_load")
    parser.add_argument("address")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args(argv)
    messages = [path.read_bytes() for path in sorted(args.folder.iterdir())]
    print(json.dumps(asyncio.run(load(args.address, messages, connections=args.connections, seconds=args.seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
