"""The repository of a soak: versions come and go, and each has answers of its own.

All versions of the default model have the network of the first, and its labels turned by their own number: an answer
that is of another version, or another photo, shows.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from running_server import ZOO

from benchmarks.checker import TOP_K, TopK
from models.pixels.preprocessing import preprocess
from models.runtime import load_runtime
from models.store.artifact import Artifact
from models.store.canary import Canary
from models.store.default_model import REPOSITORY_FILE
from models.store.repository import Repository
from models.store.rollout import start_canary, stop_canary
from models.store.routing import locked, set_stable
from soak.photos import Picture

DEFAULT = "cifar10"
OTHERS = ("flowers", "imagenet")
PERCENT = 30  # of the requests that a canary gets
KEPT = 3  # versions of the default model, beside the first
LAG_S = 30.0  # by which a server may answer with a version that is not stable any more: engines die meanwhile


class Versions:
    """What is in the repository, what each version answers, and which was stable, or a canary, when.

    Args:
        folder: in which the shipped models are copied.
        pictures: whose answers are wanted.

    Attributes:
        stable: the version of the default model that should be served now.
    """

    def __init__(self, folder: Path, pictures: Sequence[Picture]) -> None:
        self.root = Path(shutil.copytree(ZOO, folder / "repository"))
        (self.root / REPOSITORY_FILE).write_text(json.dumps({"default": DEFAULT}))
        self.published = 0
        self._repository = Repository(self.root)
        self._first = self._repository.load(DEFAULT)
        self._lock = threading.Lock()
        self.stable = self._first.manifest.version
        self._may_answer_since = [(float("-inf"), frozenset([self.stable]))]
        self._probabilities: dict[str, list[np.ndarray]] = {}
        self._labels: dict[tuple[str, int], tuple[str, ...]] = {}
        self._broken: set[int] = set()
        for model in (DEFAULT, *OTHERS):
            artifact = self._repository.load(model)
            self._labels[model, artifact.manifest.version] = artifact.manifest.labels
            self._probabilities[model] = probabilities_of(artifact, pictures)
            assert num_different(self._probabilities[model][:8]) == 8, "two photos have the same answer"

    @property
    def first(self) -> int:
        """The version that the default model had at the start."""
        return self._first.manifest.version

    def may_answer(self, model: str, version: int, began_at: float, ended_at: float) -> bool:
        """Whether a request of that time may have been answered by that version."""
        if model != DEFAULT:
            return (model, version) in self._labels
        with self._lock:
            since = [*self._may_answer_since, (float("inf"), frozenset())]
        return any(
            version in versions and start <= ended_at and began_at <= end + LAG_S
            for (start, versions), (end, _) in itertools.pairwise(since)
        )

    def answer(self, model: str, version: int, picture: int) -> TopK:
        """The classes that a version finds likeliest in a picture, and how likely each."""
        labels, row = self._labels[model, version], self._probabilities[model][picture]
        best = np.argsort(-row, kind="stable")[:TOP_K]
        return tuple((labels[index], float(row[index])) for index in best)

    def publish(self) -> None:
        """Publish the next version, and take away the oldest where there are many."""
        version = self._next()
        self._note_stable(version)  # it may be served before `publish` returns
        self._publish(version)
        self.published += 1
        older = [number for number in self._whole_versions() if number not in (self.first, version)]
        # A number is not used again: a broken version goes once there is a higher one.
        for number in (*self._broken, *older[: -KEPT + 1]):
            shutil.rmtree(self.root / DEFAULT / str(number))
        self._broken.clear()

    def promote(self, version: int | None = None) -> None:
        """Make another version the stable one: that one, or the oldest that is not."""
        there = [number for number in self._whole_versions() if number != self.stable]
        if version is None and not there:
            return
        version = version or there[0]
        self._note_stable(version)
        self._repository.promote(DEFAULT, version)

    def start_canary(self, *, is_shadow: bool = False) -> None:
        """Give the newest version that is not stable a share of the requests, or have it asked, too, as a shadow."""
        others = [number for number in self._whole_versions() if number != self.stable]
        if not others:
            return
        canary = Canary(others[-1], PERCENT, is_shadow)
        self._note({self.stable} if is_shadow else {self.stable, canary.version})
        start_canary(self._repository, DEFAULT, canary)

    def end(self) -> None:
        """Serve what was served at the start, and that alone."""
        self._note({self.stable})
        stop_canary(self._repository, DEFAULT)
        if self.stable != self.first:
            self.promote(self.first)

    def publish_broken(self, seconds: float) -> None:
        """Let a version whose file has a wrong byte be the stable one for so long; the one before must serve on."""
        folder, version = self.root / DEFAULT, self._next()
        artifact = self._publish(version, becomes_stable=False)
        model = artifact.model_path("litert")
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)
        self._broken.add(version)
        self._note_stable(self.stable)
        self._set_stable(folder, version)
        time.sleep(seconds)
        self._set_stable(folder, self.stable)

    def _whole_versions(self) -> list[int]:
        return [number for number in self._repository.versions(DEFAULT) if number not in self._broken]

    def _set_stable(self, folder: Path, version: int) -> None:
        with locked(folder):
            set_stable(folder, version)

    def _next(self) -> int:
        return max(self._repository.versions(DEFAULT)) + 1

    def _note_stable(self, version: int) -> None:
        """Take a version for the stable one, which ends every canary."""
        self.stable = version
        self._note({version})

    def _note(self, may_answer: set[int]) -> None:
        with self._lock:
            self._may_answer_since.append((time.monotonic(), frozenset(may_answer)))

    def _publish(self, version: int, *, becomes_stable: bool = True) -> Artifact:
        manifest = self._first.manifest
        turn = version % len(manifest.labels)
        labels = (*manifest.labels[turn:], *manifest.labels[:turn])
        self._labels[DEFAULT, version] = labels
        files = {name: self._first.path / name for name in manifest.files}
        turned = dataclasses.replace(manifest, labels=labels)
        written = self._repository.publish(turned, files, becomes_stable=becomes_stable)
        assert written.manifest.version == version
        return written


def probabilities_of(artifact: Artifact, pictures: Sequence[Picture]) -> list[np.ndarray]:
    """Ask the runtime itself, one picture after the other."""
    runtime = load_runtime(artifact, num_threads=1)
    pixels = artifact.manifest.pixels
    rows = [runtime.run(preprocess(picture.content, pixels)[None])[0] for picture in pictures]
    runtime.close()
    return rows


def num_different(rows: Sequence[np.ndarray]) -> int:
    return len({row.tobytes() for row in rows})
