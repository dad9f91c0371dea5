"""A canary is loaded beside the stable version, and whatever is wrong with it changes nothing."""

from __future__ import annotations

import json

import pytest
from workshop import Killed

from models.store.reference import ModelReference
from models.store.rollout import stop_canary
from server.engine.catalogue import key_of
from server.engine.registry import DRAIN_GRACE_S
from server.engine.traffic_split import TrafficSplit


@pytest.fixture
def registry(workshop):
    """Serves version 1 of a; there is a version 2."""
    registry = workshop.serving("a")
    workshop.publish()
    workshop.promote("a", 1)
    registry.refresh()
    return registry


def routing_of(workshop):
    return workshop.folder / "repository/a/routing.json"


def test_canary_is_served_after_the_stable_version_with_its_share(workshop, registry):
    workshop.canary(2, 12.5)
    registry.refresh()
    assert workshop.served == [("a", 1), ("a", 2)]
    assert workshop.catalogue.splits == (TrafficSplit("a", 1, 2, 12.5),)
    workshop.canary(2, 50)
    registry.refresh()
    assert workshop.catalogue.splits == (TrafficSplit("a", 1, 2, 50),)


def test_canary_that_ends_is_freed_once_nothing_asks_for_it(workshop, registry):
    workshop.canary(2)
    registry.refresh()
    stop_canary(workshop.repository, "a")
    workshop.running.add(key_of("a", 2))
    registry.refresh()
    workshop.now += DRAIN_GRACE_S
    registry.refresh()
    assert (workshop.served, workshop.catalogue.splits) == ([("a", 1)], ())
    assert not workshop.is_closed("a", 2)
    workshop.running.clear()
    registry.refresh()
    assert workshop.is_closed("a", 2)


@pytest.mark.parametrize("make_stable", ["promote", "publish"])
def test_canary_ends_when_another_version_becomes_stable(workshop, registry, make_stable):
    workshop.canary(2)
    registry.refresh()
    if make_stable == "promote":
        workshop.repository.promote("a", 2)
    else:
        workshop.publish()
    registry.refresh()
    assert workshop.catalogue.splits == ()
    assert workshop.served == [("a", 2 if make_stable == "promote" else 3)]


def test_broken_canary_is_refused_and_the_stable_version_gets_all(workshop, registry):
    workshop.broken.add(("a", 2))
    workshop.canary(2)
    registry.refresh()
    assert (workshop.served, workshop.catalogue.splits) == ([("a", 1)], ())
    [refused] = workshop.catalogue.refused
    assert (refused.version, refused.reason) == (2, "model 'a' version 2 cannot be served: it is broken")


@pytest.mark.parametrize(
    "canary",
    [
        None,
        3,
        [],
        {},
        {"version": 2},
        {"version": 0, "percent": 5},
        {"version": 2, "percent": 101},
        {"version": 2, "percent": True},
        {"version": 2, "percent": 5, "other": 1},
    ],
)
def test_canary_that_cannot_be_read_is_named_and_changes_nothing(workshop, registry, canary):
    workshop.canary(2)
    registry.refresh()
    before = workshop.catalogue
    routing_of(workshop).write_text(json.dumps({"stable": 1, "canary": canary}))
    registry.refresh()
    assert (workshop.catalogue.models, workshop.catalogue.splits) == (before.models, before.splits)
    [refused] = workshop.catalogue.refused
    assert refused.reason.startswith("the routing of model 'a' is corrupt: 'canary' in routing.json: ")


def test_routing_that_cannot_be_read_at_all_is_named_once_and_changes_nothing(workshop, registry, caplog):
    workshop.canary(2)
    registry.refresh()
    splits = workshop.catalogue.splits
    routing_of(workshop).write_text("{")
    registry.refresh()
    assert (workshop.served, workshop.catalogue.splits) == ([("a", 1), ("a", 2)], splits)
    assert len(workshop.catalogue.refused) == 1
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


def test_repository_that_vanishes_leaves_the_canary(workshop, registry):
    workshop.canary(2)
    registry.refresh()
    (workshop.folder / "repository").rename(workshop.folder / "elsewhere")
    registry.refresh()
    assert workshop.served == [("a", 1), ("a", 2)]
    assert len(workshop.catalogue.splits) == 1


def test_version_that_is_wanted_by_number_has_no_canary(workshop, registry):
    workshop.canary(2)
    pinned = workshop.registry(ModelReference("a", 1))
    pinned.refresh()
    pinned.refresh()
    assert (workshop.served, workshop.catalogue.splits) == ([("a", 1)], ())


def test_canary_that_ends_the_engine_leaves_a_server_that_starts_and_serves(workshop, registry):
    workshop.fatal.add(("a", 2))
    workshop.canary(2)
    first = workshop.registry()
    first.refresh()
    assert workshop.served == [("a", 1)]  # the first catalogue is shown before a canary is loaded
    with pytest.raises(Killed):
        first.refresh()
    again = workshop.registry(before=workshop.catalogue)
    again.refresh()
    again.refresh()
    assert workshop.served == [("a", 1)]
    assert workshop.catalogue.refused[0].reason.endswith("version 2 cannot be served: loading it ended the engine")


def test_restarted_engine_does_not_take_the_canary_for_the_stable_version(workshop, registry):
    workshop.canary(2)
    registry.refresh()
    before = workshop.catalogue
    workshop.broken.add(("a", 1))
    workshop.publish("b")
    workshop.registry(before=before).refresh()
    assert workshop.served == [("b", 1)]
