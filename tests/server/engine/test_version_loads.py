"""A version that takes long to load keeps no change among the others waiting."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import pytest
from workshop import Later

from server.engine.catalogue import key_of
from server.engine.load_attempts import RETRY_S, LoadAttempts
from server.engine.traffic_split import TrafficSplit
from server.engine.version_loads import VersionLoads


@pytest.fixture
def later(workshop):
    workshop.loading_executor = Later()
    return workshop.loading_executor


@pytest.fixture
def registry(workshop, later):
    """Serves version 1 of a and of b, and version 2 of b as a canary."""
    registry = workshop.serving("a", "b")
    workshop.publish("b")
    workshop.promote("b", 1)
    workshop.canary(2, name="b")
    registry.refresh()
    later.work()
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 1), ("b", 2)]
    return registry


def test_changes_among_loaded_versions_are_shown_while_another_is_loaded(workshop, later, registry):
    workshop.publish("a")
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 1), ("b", 2)]
    workshop.promote("b", 2)
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 2)]
    workshop.promote("b", 1)
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 1)]
    assert registry.loading == {"a"}
    later.work()
    registry.refresh()
    assert workshop.served == [("a", 2), ("b", 1)]
    assert registry.loading == frozenset()


def test_first_versions_are_loaded_before_anything_is_shown(workshop, later):
    workshop.serving("a")
    assert workshop.served == [("a", 1)]
    assert later.waiting == []


def test_version_is_loaded_once_however_often_the_repository_is_looked_at(workshop, later, registry):
    workshop.publish("a")
    for _ in range(3):
        registry.refresh()
    assert len(later.waiting) == 1


def test_canary_gets_its_share_once_it_is_loaded(workshop, later, registry):
    workshop.publish("a")
    workshop.promote("a", 1)
    workshop.canary(2, 20)
    registry.refresh()
    assert TrafficSplit("a", 1, 2, 20) not in workshop.catalogue.splits
    later.work()
    registry.refresh()
    assert TrafficSplit("a", 1, 2, 20) in workshop.catalogue.splits


def test_version_that_nobody_wants_once_it_is_loaded_is_freed(workshop, later, registry):
    workshop.publish("a")
    registry.refresh()
    workshop.promote("a", 1)
    registry.refresh()  # cancelled, as it has not begun
    later.work()
    assert ("a", 2) not in workshop.runtimes or workshop.is_closed("a", 2)
    workshop.promote("a", 2)
    registry.refresh()
    later.work()
    workshop.promote("a", 1)
    registry.refresh()
    assert workshop.is_closed("a", 2)
    assert workshop.served[0] == ("a", 1)


def test_refusal_stands_while_the_version_is_tried_again_and_is_logged_once(
    workshop, later, registry, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    workshop.broken.add(("a", 2))
    workshop.publish("a")
    registry.refresh()
    assert workshop.catalogue.refused == ()
    for _ in range(3):
        later.work()
        registry.refresh()
        [refused] = workshop.catalogue.refused
        assert refused.reason == "model 'a' version 2 cannot be served: it is broken"
        workshop.now += RETRY_S
        registry.refresh()
        assert workshop.catalogue.refused == (refused,)
    assert caplog.text.count("version 2 cannot be served: it is broken") == 1


def test_closing_frees_what_was_loaded_for_nobody(workshop, later, registry):
    workshop.publish("a")
    registry.refresh()
    later.work()
    registry.close()
    assert workshop.is_closed("a", 2)


def test_version_that_is_wanted_again_while_it_is_loaded_did_not_end_the_engine(workshop):
    begun, go_on = threading.Event(), threading.Event()

    def load(artifact):
        begun.set()
        go_on.wait()
        return workshop.load(artifact)

    workshop.publish("a")
    attempts = LoadAttempts(workshop.notes, before=SimpleNamespace(models_of_their_own=()))
    loads = VersionLoads(workshop.repository, load=load, load_attempts=attempts)
    assert loads.take("a", 1) is None
    begun.wait()
    loads.drop_others()  # asked for
    loads.drop_others()  # not any more
    assert loads.take("a", 1) is None
    go_on.set()
    loads.wait(60)
    artifact, _ = loads.take("a", 1)
    assert artifact.manifest.version == 1
    assert key_of("a", 1) not in workshop.notes
    loads.close()
