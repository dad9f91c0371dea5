"""Versions come and go while others serve."""

from __future__ import annotations

import pytest

from models.errors import CorruptArtifact, FormatMissing
from models.store.reference import ModelReference
from server.engine.catalogue import key_of
from server.engine.registry import DRAIN_GRACE_S


def test_stable_version_of_every_model_is_served(workshop):
    for name in ("b", "a", "b"):
        workshop.publish(name)
    workshop.registry().refresh()
    assert workshop.served == [("a", 1), ("b", 2)]
    assert workshop.models.keys() == {key_of("a", 1), key_of("b", 2)}


def test_models_and_versions_that_are_wanted_come_in_that_order(workshop):
    for name in ("a", "b", "b"):
        workshop.publish(name)
    workshop.registry(ModelReference("b"), ModelReference("b", 1), ModelReference("a")).refresh()
    assert workshop.served == [("b", 2), ("b", 1), ("a", 1)]


def test_new_version_is_loaded_before_the_old_one_goes_which_is_freed_when_nothing_asks_for_it(workshop):
    registry = workshop.serving("a")
    workshop.publish()
    workshop.running.add(key_of("a", 1))
    registry.refresh()
    assert workshop.served == [("a", 2)]
    workshop.now += 100
    registry.refresh()
    assert not workshop.is_closed("a", 1)
    assert key_of("a", 1) in workshop.models
    workshop.running.clear()
    registry.refresh()
    assert workshop.is_closed("a", 1)
    assert workshop.models.keys() == {key_of("a", 2)}


def test_old_version_stays_a_moment_for_requests_that_just_read_the_catalogue(workshop):
    registry = workshop.serving("a")
    workshop.publish()
    registry.refresh()
    assert not workshop.is_closed("a", 1)
    workshop.now += DRAIN_GRACE_S
    registry.refresh()
    assert workshop.is_closed("a", 1)


def test_old_version_that_a_runner_takes_up_as_it_is_to_be_freed_is_freed_later(workshop, monkeypatch):
    registry = workshop.serving("a")
    workshop.publish()
    registry.refresh()
    set_models = workshop.set_models

    def take_last(models):
        set_models(models)
        workshop.running.add(key_of("a", 1))

    with monkeypatch.context() as patch:
        patch.setattr(workshop, "set_models", take_last)
        workshop.now += DRAIN_GRACE_S
        registry.refresh()
    assert not workshop.is_closed("a", 1)
    workshop.running.clear()
    registry.refresh()
    assert workshop.is_closed("a", 1)


def test_version_that_comes_back_before_it_was_freed_is_not_loaded_again(workshop):
    registry = workshop.serving("a")
    first = workshop.runtimes["a", 1]
    workshop.publish()
    registry.refresh()
    workshop.promote("a", 1)
    registry.refresh()
    workshop.now += 100
    registry.refresh()
    assert workshop.served == [("a", 1)]
    assert workshop.runtimes["a", 1] is first
    assert first.num_closed == 0
    assert workshop.is_closed("a", 2)


def test_repository_that_vanishes_changes_nothing(workshop):
    registry = workshop.serving("a")
    (workshop.folder / "repository").rename(workshop.folder / "elsewhere")
    registry.refresh()
    assert workshop.served == [("a", 1)]


def test_model_that_is_added_later_is_served_where_all_are_wanted(workshop):
    registry = workshop.serving("b")
    workshop.publish("c")
    registry.refresh()
    assert workshop.served == [("b", 1), ("c", 1)]


def test_default_is_the_first_that_is_served_and_stays(workshop):
    workshop.broken.add(("a", 1))
    for name in ("a", "c"):
        workshop.publish(name)
    registry = workshop.registry()
    registry.refresh()
    workshop.publish("b")
    registry.refresh()
    assert workshop.served == [("c", 1), ("b", 1)]
    assert workshop.catalogue.default == ModelReference("c")
    workshop.registry(before=workshop.catalogue).refresh()  # an engine that is started anew
    assert workshop.catalogue.default == ModelReference("c")


def test_default_is_the_one_that_the_repository_names_and_comes_first(workshop):
    for name in ("a", "b", "c"):
        workshop.publish(name)
    file = workshop.folder / "repository/repository.json"
    file.write_text('{"default": "b"}')
    registry = workshop.registry()
    registry.refresh()
    assert workshop.served == [("b", 1), ("a", 1), ("c", 1)]
    assert workshop.catalogue.default == ModelReference("b")
    file.write_text('{"default": "c"}')
    registry.refresh()
    workshop.registry(before=workshop.catalogue).refresh()  # an engine that is started anew
    assert workshop.catalogue.default == ModelReference("b")


def test_default_that_the_repository_names_and_that_is_refused_is_not_replaced_by_another(workshop):
    workshop.broken.add(("b", 1))
    for name in ("a", "b"):
        workshop.publish(name)
    (workshop.folder / "repository/repository.json").write_text('{"default": "b"}')
    workshop.registry().refresh()
    assert workshop.served == [("a", 1)]
    assert workshop.catalogue.default == ModelReference("b")
    assert workshop.catalogue.default_model is None


def test_default_that_the_repository_names_gives_way_where_it_has_no_file_for_the_device(workshop):
    workshop.broken.add(("b", 1))
    workshop.error = FormatMissing("it has no file for a GPU")
    for name in ("a", "b"):
        workshop.publish(name)
    (workshop.folder / "repository/repository.json").write_text('{"default": "b"}')
    registry = workshop.registry()
    registry.refresh()
    workshop.publish("0")
    registry.refresh()
    assert workshop.catalogue.default == ModelReference("a")
    assert workshop.catalogue.default_model.name == "a"
    assert [refused.name for refused in workshop.catalogue.refused] == ["b"]


def test_models_that_are_wanted_go_before_what_the_repository_names(workshop):
    for name in ("a", "b"):
        workshop.publish(name)
    (workshop.folder / "repository/repository.json").write_text('{"default": "nothing like it"}')
    workshop.registry(ModelReference("a")).refresh()
    assert workshop.catalogue.default == ModelReference("a")


def test_default_that_is_not_there_stops_the_start_alone(workshop):
    workshop.publish("a")
    file = workshop.folder / "repository/repository.json"
    file.write_text('{"default": "b"}')
    with pytest.raises(CorruptArtifact, match=r"repository\.json says that model 'b' is the default, but"):
        workshop.registry().refresh()
    file.unlink()
    registry = workshop.serving()
    file.write_text("{}")
    registry.refresh()
    assert workshop.served == [("a", 1)]


def test_default_stays_when_its_model_goes(workshop):
    registry = workshop.serving("a", "b")
    (workshop.folder / "repository/a").rename(workshop.folder / "elsewhere")
    registry.refresh()
    assert workshop.served == [("b", 1)]
    assert (workshop.catalogue.default, workshop.catalogue.default_model) == (ModelReference("a"), None)


@pytest.mark.parametrize("wanted", [("a", "b"), ("a:1", "a", "b")])
def test_default_is_the_first_that_is_wanted_served_or_not(workshop, wanted):
    workshop.broken.add(("a", 1))
    for name in ("a", "b"):
        workshop.publish(name)
    references = [ModelReference.parse(want) for want in wanted]
    workshop.registry(*references).refresh()
    assert workshop.served == [("b", 1)]
    assert workshop.catalogue.default == references[0]


def test_change_is_shown_before_another_runtime_is_loaded_which_may_take_long(workshop, monkeypatch):
    registry = workshop.serving("a")
    workshop.publish()
    shown = []
    monkeypatch.setattr(workshop.exchange, "exchange", lambda *_: shown.append(workshop.served))
    registry.refresh()
    assert shown == [[("a", 2)]]


def test_close_frees_everything(workshop):
    for _ in range(2):
        workshop.publish()
    registry = workshop.registry(ModelReference("a"))
    registry.refresh()
    workshop.promote("a", 1)
    registry.refresh()
    registry.close()
    assert workshop.is_closed("a", 1)
    assert workshop.is_closed("a", 2)
