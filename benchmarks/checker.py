"""Clients that compare every answer with the runtime's own, photo by photo, so that a mix-up shows."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.connection import Answer, Connection, NoAnswer
from benchmarks.workload import Workload
from models.pixels.preprocessing import preprocess
from models.runtime import load_runtime
from models.store.artifact import Artifact

TOP_K = 5
TOLERANCE = 1e-6  # relative; the answer writes a float32 in the fewest digits that stand for it
NO_ANSWER = "no answer"
_RETRY_S = 0.01

TopK = tuple[tuple[str, float], ...]


@dataclass
class Tally:
    """What the clients saw."""

    outcomes: Counter[str] = field(default_factory=Counter)  # status, or why there was none
    mismatches: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)  # of the answers of status 200
    versions: deque[int] = field(default_factory=deque)  # that the newest answers name, one for each client

    @property
    def num_200(self) -> int:
        """Answers of status 200."""
        return self.outcomes["200"]

    def others(self, *allowed: str) -> int:
        """Outcomes that are neither 200 nor among those allowed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in ("200", *allowed))

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "outcomes": dict(self.outcomes),
            "mismatches": self.mismatches[:20],
            "num_mismatches": len(self.mismatches),
            "max_ms": max(self.latencies_ms, default=None),
        }


def expected_answers(artifact: Artifact, photos: Sequence[bytes]) -> list[TopK]:
    """What the runtime says of each photo, alone and on one thread.

    Raises:
        RuntimeError: two photos have the same answer, so that mixing them up would not show.
    """
    manifest = artifact.manifest
    runtime = load_runtime(artifact, num_threads=1)
    expected = []
    for photo in photos:
        probabilities = runtime.run(preprocess(photo, manifest.pixels)[None])[0]
        best = np.argsort(-probabilities, kind="stable")[:TOP_K]
        expected.append(tuple((manifest.labels[index], float(probabilities[index])) for index in best))
    runtime.close()
    if len(set(expected)) < len(expected):
        raise RuntimeError(f"{len(expected) - len(set(expected))} photos have the answer of another one")
    return expected


def difference(answer: Answer, expected: Mapping[int, Sequence[TopK]], photo: int) -> str | None:
    """How an answer of status 200 differs from what the version that it names says of that photo, if it does."""
    document = answer.json()
    [prediction] = document["predictions"]
    if (version := document["version"]) not in expected:
        return f"photo {photo} was answered by version {version}"
    wanted = expected[version][photo]
    got = top_k_of(prediction)
    if agree(got, wanted):
        return None
    for number, others in enumerate(expected[version]):
        if agree(got, others):
            return f"photo {photo} got the answer of photo {number}"
    return f"photo {photo}: got {got}, wanted {wanted}"


def top_k_of(prediction: Mapping[str, Any]) -> TopK:
    """The best classes of one prediction of an answer."""
    return tuple((ranked["label"], ranked["probability"]) for ranked in prediction["top_k"])


def agree(one: TopK, other: TopK) -> bool:
    """Whether two answers are the same but for the digits that a probability is written in."""
    return [label for label, _ in one] == [label for label, _ in other] and all(
        math.isclose(mine, yours, rel_tol=TOLERANCE) for (_, mine), (_, yours) in zip(one, other, strict=True)
    )


class Clients:
    """Keep-alive connections that ask for one photo after the other until told to stop.

    Each has a thread of this process; `tally` may be read at any time.

    Args:
        port: of the server.
        workload: whose photos they send.
        expected: of each version, the answer to each photo.
        count: of clients.
        note_version: called with the version of each answer, and when its request began and ended; one at a time.
    """

    def __init__(
        self,
        port: int,
        workload: Workload,
        expected: Mapping[int, Sequence[TopK]],
        *,
        count: int,
        note_version: Callable[[int, float, float], None] = lambda *_: None,
    ) -> None:
        self.tally = Tally(versions=deque(maxlen=count))
        self._note_version = note_version
        self._port = port
        self._requests = workload.requests()
        self._expected = expected
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(count)
        self._futures = [self._pool.submit(self._ask_on, client) for client in range(count)]

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let each finish its request; raises what went wrong in a client itself."""
        self._stop.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()

    def _ask_on(self, client: int) -> None:
        photo = client * 5  # so that neighbours in time ask for different photos
        while not self._stop.is_set():
            try:
                with Connection(self._port) as connection:
                    photo = self._use(connection, photo)
            except OSError:
                self._count("connection refused")
                self._stop.wait(_RETRY_S)

    def _use(self, connection: Connection, photo: int) -> int:
        """Ask until the connection ends; returns the next photo."""
        is_kept = False
        while not self._stop.is_set():
            number = photo % len(self._requests)
            photo += 1
            began_at = time.monotonic()
            try:
                answer = connection.ask(self._requests[number])
            except NoAnswer as error:
                self._count(f"{NO_ANSWER} on a {'kept' if is_kept else 'new'} connection: {error}")
                return photo
            self._take(answer, number, began_at, time.monotonic())
            if answer.is_last:
                return photo
            is_kept = True
        return photo

    def _take(self, answer: Answer, photo: int, began_at: float, ended_at: float) -> None:
        outcome = str(answer.status)
        if answer.status == 503 and not answer.headers.get("retry-after", "").isdecimal():
            outcome = "503 without Retry-After"
        found = difference(answer, self._expected, photo) if answer.status == 200 else None
        with self._lock:
            self.tally.outcomes[outcome] += 1
            if found:
                self.tally.mismatches.append(found)
            if answer.status == 200:
                self.tally.latencies_ms.append(1000 * (ended_at - began_at))
                self.tally.versions.append(version := answer.json()["version"])
                self._note_version(version, began_at, ended_at)

    def _count(self, outcome: str) -> None:
        with self._lock:
            self.tally.outcomes[outcome] += 1
