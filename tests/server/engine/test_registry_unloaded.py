"""Models that an operator has unloaded are freed, and told of, until they are loaded again."""

from __future__ import annotations

from server.engine.catalogue import RefusedModel, key_of
from server.engine.load_attempts import RETRY_S
from server.engine.registry import DRAIN_GRACE_S

GONE = {"a": "unloaded by ada"}


def test_unloaded_model_goes_with_its_canary_once_nothing_asks_for_it(workshop):
    registry = workshop.serving("a", "b")
    workshop.publish("a")
    workshop.promote("a", 1)
    workshop.canary(2)
    registry.refresh()
    workshop.running.add(key_of("a", 1))
    registry.refresh(GONE)
    assert (workshop.served, workshop.catalogue.splits, workshop.catalogue.refused) == ([("b", 1)], (), ())
    assert workshop.catalogue.unloaded == (RefusedModel("a", 1, "unloaded by ada"),)
    workshop.now += DRAIN_GRACE_S
    registry.refresh(GONE)
    assert [workshop.is_closed("a", version) for version in (1, 2)] == [False, True]
    workshop.running.clear()
    registry.refresh(GONE)
    assert workshop.is_closed("a", 1)
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 1), ("a", 2)]


def test_all_may_be_unloaded_and_the_default_stays(workshop):
    registry = workshop.serving("a")
    registry.refresh(GONE)
    assert (workshop.served, str(workshop.catalogue.default)) == ([], "a")
    workshop.registry(before=workshop.catalogue).refresh(GONE)  # an engine that is started anew
    assert (workshop.served, str(workshop.catalogue.default)) == ([], "a")


def test_version_that_was_refused_is_tried_at_once_when_that_is_asked(workshop):
    workshop.broken.add(("a", 2))
    registry = workshop.serving("a")
    workshop.publish()
    registry.refresh()
    workshop.broken.clear()
    registry.forget_refusals("a")
    registry.refresh()
    assert workshop.served == [("a", 2)]


def test_refusal_is_logged_once_however_often_it_is_tried(workshop, caplog, monkeypatch):
    import logging

    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    registry = workshop.serving("a")
    workshop.broken.add(("a", 2))
    workshop.publish()
    for _ in range(3):
        registry.refresh()
        registry.forget_refusals("a")
        workshop.now += RETRY_S
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "model 'a' version 2 cannot be served: it is broken"
    ]
