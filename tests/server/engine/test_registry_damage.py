"""Whatever becomes of the files that an engine follows, it serves on, says so once, and is as before when they are."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest
from damage import damaged, damages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workshop import Workshop

from models.store.operating_points import OperatingPoint
from server.engine.load_attempts import RETRY_S


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Serves version 1 of "a", version 2 as its canary, and "b"; version 3 is there, and not served."""
    workshop = Workshop(tmp_path_factory.mktemp("workshop"))
    workshop.follower = workshop.serving("a", "b")
    for _ in range(2):
        workshop.publish()
    workshop.promote("a", 1)
    workshop.canary(2)
    workshop.repository.set_operating_point("a", 1, OperatingPoint((0.5, None, 0.9), "precision 0.9"))
    (workshop.repository.root / "repository.json").write_text('{"default": "a"}')
    workshop.follower.refresh()
    assert (workshop.served, workshop.catalogue.refused) == ([("a", 1), ("b", 1), ("a", 2)], ())
    return workshop


@contextmanager
def logged():
    """The errors that the engine logs meanwhile."""
    errors = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: errors.append(record.getMessage())
    log = logging.getLogger("opsin.engine")
    log.addHandler(handler)
    yield errors
    log.removeHandler(handler)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_engine_serves_on_whatever_becomes_of_the_files_that_it_follows(workshop, data):
    root, follower, before = workshop.repository.root, workshop.follower, workshop.catalogue
    files = [root / "repository.json", *(root / "a" / name for name in ("routing.json", "operating_points.json"))]
    files += [root / "a" / "history.jsonl", root / "a" / "1" / "manifest.json", root / "b" / "1" / "model.tflite"]
    with damaged(*data.draw(damages(files))), logged() as errors:
        for _ in range(3):
            follower.refresh()
            assert {("a", 1), ("b", 1)} <= {*workshop.served, *others_of(workshop)}
        told = [refused.reason for refused in workshop.catalogue.refused]
        assert len(errors) == len(set(errors))
        assert set(told) <= set(errors)
        assert not any(str(root) in reason for reason in told)
    workshop.now += RETRY_S
    for _ in range(2):
        follower.refresh()
    assert workshop.catalogue == before


def others_of(workshop):
    """What may serve in the place of version 1: where routing.json names another, or is gone, that is what it says."""
    return [("a", 1)] if {("a", 2), ("a", 3)} & {*workshop.served} else []


@given(st.data())
def test_engine_that_starts_on_a_damaged_version_serves_the_others(workshop, data):
    root = workshop.repository.root
    files = [root / "a" / "1" / name for name in ("manifest.json", "model.tflite", "saved_model/saved_model.pb")]
    with damaged(*data.draw(damages(files))):
        other = workshop.registry()
        served_before = workshop.catalogue
        other.refresh()
        assert workshop.served == [("b", 1)]
        [refused] = workshop.catalogue.refused
        assert refused.reason.startswith("model 'a' version 1 cannot be served: model 'a' version 1 is corrupt: ")
        workshop.catalogue = served_before
