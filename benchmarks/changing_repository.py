"""A repository in which versions come, go and break at random, and what may be answered meanwhile.

Every version has the network of the first and its labels turned by a number of its own, so that an answer of another
version shows. Each change is one of those that `python -m models` makes, by the functions that it calls; breaking a
version is what disks and people do.
"""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.checker import TopK, expected_answers
from benchmarks.damage import damage_file
from benchmarks.workload import Workload
from models.store.artifact import Artifact
from models.store.canary import Canary, begin_canary
from models.store.fields import MANIFEST_FILE
from models.store.history import stable_before
from models.store.repository import Repository
from models.store.rollout import start_canary, stop_canary
from models.store.routing import ROUTING_FILE, locked, set_stable

MAX_VERSIONS = 6  # that are kept; then some are retired
PERCENTS = (20, 50, 80, 100)
MAX_TRIES = 100
BREAK = "break a version, then promote it"
BREAK_CANARY = "break a version, then make it a canary"
BREAK_SERVING = "break the version that serves, where it lies"
BREAK_ROUTING = "break what names the version that serves"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done.

    Attributes:
        kind: of change.
        ended_at: monotonic, when the command had ended.
        seen: versions that answer from then on; all, where any may.
        broken: a version that a server must refuse, and say why.
        mend: puts back what was damaged, where that changes nothing that is served.
    """

    kind: str
    ended_at: float
    seen: frozenset[int] = frozenset()
    broken: int | None = None
    mend: Callable[[], None] | None = None


@dataclass(slots=True)
class MayAnswer:
    """Which versions may answer requests that name none, from when on; any thread may ask."""

    since: list[tuple[float, frozenset[int]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, versions: frozenset[int]) -> float:
        """Let these answer from now on, and no others; returns the time."""
        with self._lock:
            self.since.append((time.monotonic(), versions))
            return self.since[-1][0]

    def lag_s(self, version: int, began_at: float, ended_at: float) -> float:
        """Tell how long before a request began its version should have ceased to answer; infinity: it never should."""
        until = ended_at
        with self._lock:
            for at, versions in reversed(self.since):
                if version in versions and at <= ended_at:
                    return max(0.0, began_at - until)
                until = min(until, at)
        return float("inf")


class ChangingRepository:
    """See the module.

    Args:
        workload: whose model is changed, in its repository, which is a copy.
        rng: draws.
        only: kinds of changes that are made; none: all.

    Attributes:
        expected: of each version, what it answers to each photo.
        may_answer: which versions may.
    """

    def __init__(self, workload: Workload, rng: random.Random, only: Collection[str] = ()) -> None:
        self.repository, self.name, self._rng = Repository(workload.repository), workload.model, rng
        self._first = workload.artifact  # the one that is copied, which nothing here changes
        self._answers = expected_answers(self._first, workload.photos)
        self._num_published = 0
        version = self._first.manifest.version
        self.expected: dict[int, Sequence[TopK]] = {version: self._answers}
        self.may_answer = MayAnswer()
        self.may_answer.set(frozenset([version]))
        self._kinds: dict[str, tuple[int, Callable[[], Change | None]]] = {
            "publish": (4, self._publish),
            "promote": (6, self._promote),
            "roll back": (4, self._roll_back),
            "canary": (6, self._canary),
            "stop a canary": (2, self._stop_canary),
            "promote a canary": (2, self._promote_canary),
            "shadow": (2, self._shadow),
            "retire": (3, self._retire),
            BREAK: (1, self._break),
            BREAK_CANARY: (1, self._break_canary),
            BREAK_SERVING: (0, self._break_serving),
            BREAK_ROUTING: (0, self._break_routing),
        }
        if only:
            self._kinds = {kind: (1, make) for kind, (_, make) in self._kinds.items() if kind in only}

    def change(self) -> Change:
        """Make a change that is possible now."""
        weights = [weight for weight, _ in self._kinds.values()]
        for _ in range(MAX_TRIES):
            [kind] = self._rng.choices(list(self._kinds), weights)
            if (made := self._kinds[kind][1]()) is not None:
                return dataclasses.replace(made, kind=kind)
        raise RuntimeError("no change is possible")

    def mend(self, broken: int) -> Change:
        """Serve as before a version was broken, which is retired."""
        [stable] = self._rest()
        with locked(self._folder):  # the command reads the history, and this is no change of it
            set_stable(self._folder, stable)
        stop_canary(self.repository, self.name)
        self.repository.retire(self.name, broken)
        return self._done(frozenset([stable]))

    @property
    def _folder(self) -> Path:
        return self.repository.root / self.name

    def _rest(self) -> frozenset[int]:
        return self.may_answer.since[-1][1]

    def _done(self, versions: frozenset[int]) -> Change:
        return Change("", self.may_answer.set(versions), versions)

    def _changed(self, versions: frozenset[int], act: Callable[[], object]) -> Change:
        self.may_answer.set(self._rest() | versions)  # a server may see it before the command has ended
        act()
        return self._done(versions)

    def _others(self) -> list[int]:
        canary = self.repository.canary(self.name)
        used = {self.repository.stable_version(self.name), canary and canary.version}
        return [version for version in self.repository.versions(self.name) if version not in used]

    def _write(self, *, becomes_stable: bool) -> Artifact:
        """Publish a version with labels of its own; what it answers is known before anybody can ask it."""
        manifest = self._first.manifest
        self._num_published += 1
        turn = self._num_published % len(manifest.labels)
        labels = (*manifest.labels[turn:], *manifest.labels[:turn])
        by_label = dict(zip(manifest.labels, labels, strict=True))
        version = self._next_version()
        self.expected[version] = [tuple((by_label[name], value) for name, value in one) for one in self._answers]
        self.may_answer.set(self._rest() | ({version} if becomes_stable else set()))
        files = {name: self._first.path / name for name in manifest.files}
        written = self.repository.publish(
            dataclasses.replace(manifest, labels=labels), files, becomes_stable=becomes_stable
        )
        if written.manifest.version != version:
            raise RuntimeError(f"version {written.manifest.version} was published, and {version} was due")
        return written

    def _next_version(self) -> int:
        return max(self.expected) + 1  # a number is never used again

    def _publish(self) -> Change | None:
        if len(self.repository.versions(self.name)) >= MAX_VERSIONS:
            return None
        return self._done(frozenset([self._write(becomes_stable=True).manifest.version]))

    def _promote(self) -> Change | None:
        if not (others := self._others()):
            return None
        version = self._rng.choice(others)
        return self._changed(frozenset([version]), lambda: self.repository.promote(self.name, version))

    def _roll_back(self) -> Change | None:
        stable = self.repository.stable_version(self.name)
        before = stable
        if self.repository.canary(self.name) is None:
            before = stable_before(self.repository.history(self.name), stable) or 0
        if before not in self.repository.versions(self.name):
            return None
        return self._changed(frozenset([before]), lambda: self.repository.rollback(self.name))

    def _canary(self) -> Change | None:
        if not (others := self._others()):
            return None
        canary = Canary(self._rng.choice(others), self._rng.choice(PERCENTS))
        stable = () if canary.percent == 100 else (self.repository.stable_version(self.name),)
        versions = frozenset([canary.version, *stable])
        return self._changed(versions, lambda: start_canary(self.repository, self.name, canary))

    def _shadow(self) -> Change | None:
        if not (others := self._others()):
            return None
        shadow = Canary(self._rng.choice(others), 100, is_shadow=True)
        stable = frozenset([self.repository.stable_version(self.name)])
        return self._changed(stable, lambda: start_canary(self.repository, self.name, shadow))

    def _stop_canary(self) -> Change | None:
        if self.repository.canary(self.name) is None:
            return None
        stable = frozenset([self.repository.stable_version(self.name)])
        return self._changed(stable, lambda: stop_canary(self.repository, self.name))

    def _promote_canary(self) -> Change | None:
        if (canary := self.repository.canary(self.name)) is None:
            return None
        return self._changed(frozenset([canary.version]), lambda: self.repository.promote(self.name, canary.version))

    def _retire(self) -> Change | None:
        others = self._others()
        if len(others) < 2:
            return None
        version = self._rng.choice(others)
        return self._changed(self._rest(), lambda: self.repository.retire(self.name, version))

    def _break(self) -> Change | None:
        return self._broken(lambda version: set_stable(self._folder, version))

    def _break_canary(self) -> Change | None:
        stable = self.repository.stable_version(self.name)
        return self._broken(lambda version: begin_canary(self._folder, Canary(version, 50), stable=stable, why=""))

    def _break_serving(self) -> Change | None:
        stable = self.repository.load(self.name, self.repository.stable_version(self.name), verify=False)
        file = stable.path / self._rng.choice([MANIFEST_FILE, *stable.manifest.files])
        return self._damaged(file)

    def _break_routing(self) -> Change | None:
        return self._damaged(self._folder / ROUTING_FILE)

    def _damaged(self, file: Path) -> Change | None:
        """Damage a file; what serves goes on, unless routing.json happens to name another version now."""
        if self.repository.canary(self.name) is not None:
            return None
        content, rest = file.read_bytes(), self._rest()

        def mend() -> None:
            file.write_bytes(content)
            self.may_answer.set(rest)

        self.may_answer.set(rest | frozenset(self.repository.versions(self.name)))
        damage_file(file, self._rng)
        return Change("", time.monotonic(), mend=mend)

    def _broken(self, serve: Callable[[int], None]) -> Change | None:
        """Have a version that is broken served, which no command would; what served alone goes on."""
        if self.repository.canary(self.name) is not None:
            return None
        artifact = self._write(becomes_stable=False)
        damage(artifact, self._rng)
        with locked(self._folder):
            serve(artifact.manifest.version)
        return dataclasses.replace(self._done(self._rest()), broken=artifact.manifest.version)


def damage(artifact: Artifact, rng: random.Random) -> None:
    """Damage a file of a version at random bytes, of a random length."""
    damage_file(artifact.path / rng.choice([MANIFEST_FILE, *artifact.manifest.files]), rng)
