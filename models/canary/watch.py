"""Watches a canary from outside, by the metrics of servers, and promotes it or rolls it back.

It runs where the repository can be written, in the foreground, and ends with its verdict; the servers know nothing of
it, and may have the repository read-only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial

from models.canary.observed import Watch, read_samples
from models.canary.verdict import Judge, Verdict
from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import settle_canary

INTERVAL_S = 2.0
REPORT_S = 30.0


def watch_canary(
    repository: Repository,
    name: str,
    canary: Canary,
    watch: Watch,
    judge: Judge,
    *,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict | None:
    """Look until it is decided, and do what was decided.

    Returns:
        The verdict, which the history has too; None where somebody else has ended or changed the canary meanwhile.

    Raises:
        ArtifactError: the repository cannot be read or written.
    """
    stable, said_at = repository.stable_version(name), clock()
    said_faults: dict[str, str] = {}
    while repository.canary(name) == canary:
        faults = watch.look()
        for server, fault in faults.items():
            if said_faults.get(server) != fault:
                _say(f"{fault}; it is asked again")
        said_faults = faults
        seen, beside = watch.observed(canary.version), watch.observed(stable)
        refusing = watch.refusing(canary.version)
        verdict = Verdict(False, f"{refusing[0]} cannot load it") if refusing else judge.verdict(seen, beside)
        if verdict is not None:
            is_settled = settle_canary(repository, name, canary, is_good=verdict.is_good, why=f"watch: {verdict.why}")
            return verdict if is_settled else None
        if clock() - said_at >= REPORT_S:
            said_at = clock()
            _say(f"{seen.num_answers:,} answers of version {canary.version}, {beside.num_answers:,} of {stable}")
        sleep(INTERVAL_S)
    return None


def watch_of(name: str, servers: list[str]) -> Watch:
    """Make a watch that sends the API key of $OPSIN_API_KEY, if there is one."""
    key = os.environ.get("OPSIN_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Watch(name, tuple(servers), read=partial(read_samples, headers=headers))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
