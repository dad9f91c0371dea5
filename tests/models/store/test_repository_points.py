"""What a repository does with operating points."""

from __future__ import annotations

import pytest

from models.errors import VersionNotFound
from models.store.operating_points import OperatingPoint

POINT = OperatingPoint((0.9, 0.8, 0.7), "precision 0.95")


@pytest.fixture
def published(repository, publish):
    publish()
    publish()
    return repository


def test_point_is_set_for_one_version_and_stands_in_the_history(published):
    published.set_operating_point("flowers", 1, POINT, why="too many wrong ones")
    assert published.operating_point("flowers", 1, num_classes=3) == POINT
    assert published.operating_point("flowers", 2, num_classes=3) is None
    change = published.history("flowers")[-1]
    assert (change.action, change.version, change.stable, change.why) == (
        "operating-point",
        1,
        2,
        "precision 0.95: too many wrong ones",
    )


def test_forgetting_it_stands_in_the_history_too(published):
    published.set_operating_point("flowers", 1, POINT)
    published.set_operating_point("flowers", 1, None)
    assert published.operating_point("flowers", 1, num_classes=3) is None
    assert [change.why for change in published.history("flowers")][-2:] == ["precision 0.95", "none"]


def test_going_back_is_to_the_version_before_and_not_to_a_point(published):
    published.set_operating_point("flowers", 2, POINT)
    assert published.rollback("flowers").manifest.version == 1


def test_version_that_is_not_there_gets_none(published):
    with pytest.raises(VersionNotFound, match="has no version 3"):
        published.set_operating_point("flowers", 3, POINT)


def test_point_goes_with_its_version(published, publish):
    published.promote("flowers", 1)
    published.set_operating_point("flowers", 2, POINT)
    published.retire("flowers", 2)
    (published.root / "flowers" / "history.jsonl").unlink()  # so that nobody knows that there was a version 2
    assert publish().manifest.version == 2
    assert published.operating_point("flowers", 2, num_classes=3) is None
