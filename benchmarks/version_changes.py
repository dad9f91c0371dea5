"""The command `python -m benchmarks.version_changes`: 1,000 changes of a repository under load, every answer checked.

Versions are published, promoted, rolled back, made canaries and shadows, retired and broken, in an order that is drawn,
while clients ask without a pause. With `--damage` files are damaged at random bytes and lengths instead: of versions
that are to be served, of the one that serves, and what names it. Each answer must be the one that the version it names
gives to that photo, and that version must have been one that may answer. Memory and descriptors are counted before, in
between and after.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import machine, processes
from benchmarks.changing_repository import (
    BREAK,
    BREAK_CANARY,
    BREAK_ROUTING,
    BREAK_SERVING,
    Change,
    ChangingRepository,
    MayAnswer,
)
from benchmarks.checker import Clients
from benchmarks.connection import Connection, get_request
from benchmarks.figures import Figure, report
from benchmarks.folders import CACHE, RESULTS
from benchmarks.plan import Plan
from benchmarks.service import Service, opsin
from benchmarks.spread import percentile
from benchmarks.swaps import settled_bytes
from benchmarks.workload import shipped

CONNECTIONS = 3
FULL = 1000  # changes, as the committed figures are made
MEMORY_AFTER = 20  # changes; by then everything that stays has been loaded
MEMORY_AT_MOST = 1.1
LAG_AT_MOST_S = 2.0
SEEN_S = 30.0
LOOK_S = 0.005
DAMAGED_S = 1.2  # for which what serves is damaged: an engine looks twice
DAMAGE = (BREAK, BREAK_CANARY, BREAK_SERVING, BREAK_ROUTING)
NUM_LOOKS = 10  # at memory


@dataclass
class Seen:
    """Which versions answered since the last change, and how late a version ever was."""

    may_answer: MayAnswer
    since: float = 0.0
    versions: Counter[int] = field(default_factory=Counter)  # of requests that began after the change
    newest: list[int] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)  # of answers by a version that should have ceased to answer
    never: int = 0  # answers by a version that never was to answer
    stood_still_s: float = 0.0  # for how long this process did at most, which had nothing to do but look

    def note(self, version: int, began_at: float, ended_at: float) -> None:
        """Take an answer in; called by one client at a time."""
        lag = self.may_answer.lag_s(version, began_at, ended_at)
        self.never += lag == float("inf")
        if 0 < lag < float("inf"):
            self.lags_s.append(lag)
        if began_at >= self.since:
            self.versions[version] += 1
            self.newest = [*self.newest, version][-CONNECTIONS:]

    def begin(self, change: Change) -> None:
        """Look for what follows a change."""
        self.versions, self.newest, self.since = Counter(), [], change.ended_at

    def shows(self, change: Change) -> bool:
        """Whether all that should answer do, and nothing else among the newest answers."""
        return change.seen <= self.versions.keys() and len(self.newest) == CONNECTIONS and {*self.newest} <= change.seen


@dataclass
class Changed:
    """What came of the changes."""

    num: int
    clients: Clients
    seen: Seen
    shown_s: dict[str, list[float]]  # by kind of change, until it showed
    refused_s: list[float]  # until a broken version stood in the index, with a reason
    num_logged: Counter[int]  # lines of the log, by version that was broken
    memory: list[tuple[int, float]]
    descriptors: list[int]
    ended: set[str] = field(default_factory=set)  # processes that a crash replaced


def run(num_changes: int, seed: int, plan: Plan, *, max_minutes: float, only: Collection[str] = ()) -> Changed:
    """Change a copy of the shipped repository that often under a server and its clients, or for so long.

    Args:
        num_changes: at most.
        seed: of what is drawn.
        plan: says how it goes.
        max_minutes: after which no further change is made.
        only: kinds of changes that are made; none: all but those that damage what serves.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        workload = shipped()
        shutil.copytree(workload.repository / workload.model, root / workload.model)
        workload = replace(workload, repository=root)
        changing = ChangingRepository(workload, random.Random(seed), only)  # noqa: S311
        seen = Seen(changing.may_answer)
        with (
            opsin(workload, workers="2") as service,
            Clients(service.port, workload, changing.expected, count=CONNECTIONS, note_version=seen.note) as clients,
        ):
            changed = Changed(0, clients, seen, defaultdict(list), [], Counter(), [], [])
            began_with = {pid: processes.title(pid) for pid in service.pids()}
            for number in range(1, num_changes + 1):
                if plan.began_at + 60 * max_minutes < time.monotonic():
                    break
                _change(changing, service, changed)
                changed.num = number
                if number == MEMORY_AFTER or number % max(1, num_changes // NUM_LOOKS) == 0:
                    changed.memory.append((number, settled_bytes(service)))
                    changed.descriptors.append(processes.num_descriptors(service.pids()))
                    plan.say(f"{number} changes: {changed.memory[-1][1] / 1e6:.1f} MB, {dict(clients.tally.outcomes)}")
            clients.stop()
            left = set(service.pids())
            changed.ended = {f"{name} {pid}" for pid, name in began_with.items() if pid not in left and "opsin" in name}
            for line in service.lines():
                _, _, told = line.partition(" version ")
                if "cannot be served" in line and (version := int(told.split()[0])) in changed.num_logged:
                    changed.num_logged[version] += 1
    return changed


def _change(changing: ChangingRepository, service: Service, changed: Changed) -> None:
    """Make a change, and wait until it shows; one that breaks a version, until it is refused, and is mended."""
    made = changing.change()
    changed.seen.begin(made)
    if made.broken is not None:
        changed.refused_s.append(_refused_after_s(service.port, made.broken))
        changed.num_logged[made.broken] += 0
        _wait_until_shown(changed, made)
        made = replace(changing.mend(made.broken), kind=made.kind)
        changed.seen.begin(made)
    if made.mend is not None:
        time.sleep(DAMAGED_S)
        made.mend()
        made = Change(made.kind, time.monotonic(), changing.may_answer.since[-1][1])
        changed.seen.begin(made)
    _wait_until_shown(changed, made)
    changed.shown_s[made.kind].append(time.monotonic() - made.ended_at)


def _wait_until_shown(changed: Changed, made: Change) -> None:
    while not changed.seen.shows(made):
        if time.monotonic() > made.ended_at + SEEN_S:
            got = f"answers since: {dict(changed.seen.versions)}, the newest {changed.seen.newest}"
            raise RuntimeError(f"{made} does not show within {SEEN_S:g} s; {got}")
        asleep_at = time.monotonic()
        time.sleep(LOOK_S)
        changed.seen.stood_still_s = max(changed.seen.stood_still_s, time.monotonic() - asleep_at - LOOK_S)


def _refused_after_s(port: int, version: int) -> float:
    """Wait until a version stands in the index as one that cannot be served, with a reason."""
    began_at = time.monotonic()
    with Connection(port) as connection:
        while time.monotonic() < began_at + SEEN_S:
            document = json.loads(connection.ask(get_request("/readyz")).body)
            if any(each["version"] == version and each["reason"] for each in document.get("refused", ())):
                return time.monotonic() - began_at
            time.sleep(0.02)
    raise RuntimeError(f"broken version {version} is not named by /readyz within {SEEN_S:g} s")


def figures_of(changed: Changed) -> list[Figure]:
    """Hold what came of it against what must be."""
    tally, seen = changed.clients.tally, changed.seen
    shown = sorted(one for times in changed.shown_s.values() for one in times)
    kinds = ", ".join(f"{len(times)} x {kind}" for kind, times in sorted(changed.shown_s.items()))
    slowest = f"{tally.num_200} answers of 200, slowest {max(tally.latencies_ms):,.0f} ms; {kinds}"
    late = f"{len(seen.lags_s)} such answers, p99 {percentile([0.0, *seen.lags_s], 99):.2f} s; the benchmark's own "
    late += f"process was kept from running for up to {seen.stood_still_s:.2f} s"
    not_once = {version: count for version, count in changed.num_logged.items() if count != 1}
    (_, before), (_, after) = changed.memory[0], changed.memory[-1]
    memory = ", ".join(f"{number}: {size / 1e6:.1f} MB" for number, size in changed.memory)
    return [
        Figure("answers other than 200", tally.others(), at_most=0, note=slowest, details=tally.to_dict()),
        Figure("answers that differ from those of the version that they name", len(tally.mismatches), at_most=0),
        Figure("answers by a version that was never to answer", seen.never, at_most=0),
        Figure(
            "longest time after a change that a request began and had a version of before",
            max(seen.lags_s, default=0.0),
            "s",
            at_most=LAG_AT_MOST_S,
            note=late,
        ),
        Figure(
            "time until a change shows in answers, median",
            percentile(shown, 50),
            "s",
            note=f"p99 {percentile(shown, 99):.2f} s, at most {shown[-1]:.2f} s",
        ),
        Figure(
            "time until a broken version is named with its reason, at most",
            max(changed.refused_s, default=0.0),
            "s",
            at_most=LAG_AT_MOST_S,
            note=f"{len(changed.refused_s)} broken versions",
        ),
        Figure("broken versions that the log does not name once", len(not_once), at_most=0, note=str(not_once or "")),
        Figure("processes that ended", len(changed.ended), at_most=0, note=", ".join(sorted(changed.ended))),
        Figure(
            f"memory at the end over that after {MEMORY_AFTER}", after / before, at_most=MEMORY_AT_MOST, note=memory
        ),
        Figure(
            f"descriptors at the end more than after {MEMORY_AFTER}",
            changed.descriptors[-1] - changed.descriptors[0],
            note=", ".join(map(str, changed.descriptors)),
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the changes, print a table and write it; returns 1 where anything is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.version_changes", description=__doc__)
    parser.add_argument("--changes", type=int, default=FULL)
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    parser.add_argument("--minutes", type=float, default=120.0, help="after which no further change is made")
    parser.add_argument("--damage", action="store_true", help="damage files at random bytes, and change nothing else")
    arguments = parser.parse_args(argv)
    plan, only = Plan(), DAMAGE if arguments.damage else ()
    changed = run(arguments.changes, arguments.seed, plan, max_minutes=arguments.minutes, only=only)
    figures, where = figures_of(changed), machine.describe()
    folder = RESULTS if changed.num >= FULL else CACHE / "results"
    minutes = (time.monotonic() - plan.began_at) / 60
    heading = f"{machine.in_words(where)}, {changed.num} changes under {CONNECTIONS} clients, seed {arguments.seed}, "
    heading += f"{minutes:.0f} minutes\n\n"
    name = "damaged_repository" if arguments.damage else "version_changes"
    return report(figures, folder / name, machine=where, heading=heading)


if __name__ == "__main__":
    sys.exit(main())
