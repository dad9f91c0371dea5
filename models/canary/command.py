"""The command `python -m models canary`, which prints and returns the exit status."""

from __future__ import annotations

import argparse
import json

from models.canary.arguments import DEFAULT_SERVER
from models.canary.verdict import Judge
from models.canary.watch import watch_canary, watch_of
from models.errors import VersionNotFound
from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import start_canary, stop_canary

OK, ROLLED_BACK = 0, 1


def canary(repository: Repository, args: argparse.Namespace) -> int:
    """Start, change or stop the canary of a model, or tell what runs."""
    if args.stop:
        was_there = stop_canary(repository, args.name, why=args.why)
        print_canary(repository, args.name, as_json=args.json, was_there=was_there)
        return OK
    if args.version is not None:
        start_canary(repository, args.name, Canary(args.version, args.percent, args.shadow), why=args.why)
    if not (args.watch and args.json):
        print_canary(repository, args.name, as_json=args.json)
    return watch(repository, args) if args.watch else OK


def watch(repository: Repository, args: argparse.Namespace) -> int:
    """Wait for the verdict on the canary that runs, and say it."""
    running = repository.canary(args.name)
    if running is None or running.is_shadow or running.percent == 100:
        raise VersionNotFound(f"model {args.name!r} has no canary to compare with the stable version")
    servers = args.server or [DEFAULT_SERVER]
    verdict = watch_canary(
        repository,
        args.name,
        running,
        watch_of(args.name, servers),
        Judge(args.answers, max_slowdown=args.max_slowdown),
    )
    is_good, why = (verdict.is_good, verdict.why) if verdict else (False, "somebody else has ended or changed it")
    if args.json:
        is_rolled_back = verdict is not None and not is_good
        told = {"promoted": is_good, "rolled_back": is_rolled_back, "why": why}
        print(json.dumps({"name": args.name, "version": running.version, **told}, indent=2))
    else:
        ended = "is now stable" if is_good else "was rolled back" if verdict else "is watched no more"
        print(f"version {running.version} of model {args.name} {ended}: {why}")
    return OK if is_good else ROLLED_BACK


def print_canary(repository: Repository, name: str, *, as_json: bool, was_there: bool = False) -> None:
    """Say which versions of a model get which requests."""
    stable, running = repository.stable_version(name), repository.canary(name)
    if as_json:
        print(json.dumps({"name": name, "stable": stable, "canary": running and running.to_dict()}, indent=2))
    elif running is None:
        ended = "the canary has ended" if was_there else "there is no canary"
        print(f"{ended}: version {stable} of model {name} gets all requests")
    elif running.is_shadow:
        share = f"{running.percent:g} % of the requests"
        print(f"version {running.version} of model {name} is asked {share} too, in the shadow of version {stable}")
    else:
        share = f"{running.percent:g} % of the requests that name no version"
        print(f"version {running.version} of model {name} gets {share}; version {stable}, the stable one, the others")
