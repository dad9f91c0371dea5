"""A running server follows the operating point that is set for a version."""

from __future__ import annotations

import pytest

from models.store.operating_points import OperatingPoint
from server.engine.catalogue import Catalogue

POINT = OperatingPoint((0.9, None, 0.0), "precision 0.95")


@pytest.fixture
def repository(workshop):
    return workshop.repository


def points(workshop):
    return [model.point for model in workshop.catalogue.models]


def test_point_is_served_once_it_is_set_and_no_more_once_it_is_cleared(workshop, repository):
    registry = workshop.serving("a")
    assert points(workshop) == [None]
    repository.set_operating_point("a", 1, POINT)
    registry.refresh()
    assert points(workshop) == [POINT]
    repository.set_operating_point("a", 1, None)
    registry.refresh()
    assert points(workshop) == [None]


def test_version_that_follows_has_none_of_the_version_before(workshop, repository):
    registry = workshop.serving("a")
    repository.set_operating_point("a", 1, POINT)
    workshop.publish("a")
    registry.refresh()
    assert points(workshop) == [None]


def test_file_that_is_broken_leaves_the_point_that_is_served_and_is_told(workshop, repository):
    registry = workshop.serving("a")
    repository.set_operating_point("a", 1, POINT)
    registry.refresh()
    (repository.root / "a" / "operating_points.json").write_text("{")
    registry.refresh()
    assert points(workshop) == [POINT]
    [refusal] = workshop.catalogue.refused
    assert (refusal.name, refusal.version) == ("a", 1)
    assert "operating_points.json of model 'a' is corrupt" in refusal.reason


def test_point_reaches_the_workers(workshop, repository):
    registry = workshop.serving("a")
    repository.set_operating_point("a", 1, POINT)
    registry.refresh()
    [model] = Catalogue.from_json(workshop.catalogue.to_json()).models
    assert model.point == POINT
