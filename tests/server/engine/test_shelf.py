"""Versions come and go while others serve."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
from engines import MeanColour
from small_artifacts import small_manifest, small_sources

from models.errors import CorruptArtifact
from models.reference import ModelReference
from models.repository import Repository
from models.routing import set_stable
from server.engine import Catalogue
from server.engine.catalogue import key_of
from server.engine.loaded import LoadedModel, served_model
from server.engine.shelf import DRAIN_GRACE_S, NothingToServe, Shelf
from server.engine.trials import RETRY_S, Trials


class Killed(BaseException):
    """The end of an engine, as far as the shelf can see one."""


class Workshop:
    """A repository, a shelf, and what the shelf told the others."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = Repository(folder / "repository")
        self.now = 0.0
        self.broken = set()  # (name, version)
        self.error = CorruptArtifact("it is broken")
        self.fatal = set()  # (name, version)
        self.notes = np.zeros(8, np.uint64)
        self.runtimes = {}
        self.running = set()
        self.models = {}
        self.catalogue = Catalogue()

    def publish(self, name="a"):
        return self.repository.publish(small_manifest(name=name), small_sources(self.folder)).manifest.version

    def promote(self, name, version):
        set_stable(self.folder / "repository" / name, version)

    def shelf(self, *wanted, before=None):
        before = before or Catalogue()
        return Shelf(
            self.repository,
            wanted,
            load=self.load,
            set_models=lambda models: setattr(self, "models", models),
            show=lambda catalogue: setattr(self, "catalogue", catalogue),
            is_running=self.running.__contains__,
            trials=Trials(self.notes, before=before, clock=lambda: self.now),
            before=before,
            clock=lambda: self.now,
        )

    def load(self, artifact):
        served = served_model(artifact)
        if (served.name, served.version) in self.fatal:
            raise Killed
        if (served.name, served.version) in self.broken:
            raise self.error
        runtime = self.runtimes[served.name, served.version] = MeanColour()
        return LoadedModel(served, [runtime], None, max_batch=1)

    @property
    def served(self):
        return [(model.name, model.version) for model in self.catalogue.models]

    def is_closed(self, name, version):
        return self.runtimes[name, version].num_closed == 1


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


def test_stable_version_of_every_model_is_served(workshop):
    for name in ("b", "a", "b"):
        workshop.publish(name)
    workshop.shelf().refresh()
    assert workshop.served == [("a", 1), ("b", 2)]
    assert workshop.models.keys() == {key_of("a", 1), key_of("b", 2)}


def test_models_and_versions_that_are_wanted_come_in_that_order(workshop):
    for name in ("a", "b", "b"):
        workshop.publish(name)
    workshop.shelf(ModelReference("b"), ModelReference("b", 1), ModelReference("a")).refresh()
    assert workshop.served == [("b", 2), ("b", 1), ("a", 1)]


def test_new_version_is_loaded_before_the_old_one_goes_which_is_freed_when_nothing_asks_for_it(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.publish()
    workshop.running.add(key_of("a", 1))
    shelf.refresh()
    assert workshop.served == [("a", 2)]
    workshop.now += 100
    shelf.refresh()
    assert not workshop.is_closed("a", 1)
    assert key_of("a", 1) in workshop.models
    workshop.running.clear()
    shelf.refresh()
    assert workshop.is_closed("a", 1)
    assert workshop.models.keys() == {key_of("a", 2)}


def test_old_version_stays_a_moment_for_requests_that_just_read_the_catalogue(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.publish()
    shelf.refresh()
    assert not workshop.is_closed("a", 1)
    workshop.now += DRAIN_GRACE_S
    shelf.refresh()
    assert workshop.is_closed("a", 1)


def test_version_that_comes_back_before_it_was_freed_is_not_loaded_again(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    first = workshop.runtimes["a", 1]
    workshop.publish()
    shelf.refresh()
    workshop.promote("a", 1)
    shelf.refresh()
    workshop.now += 100
    shelf.refresh()
    assert workshop.served == [("a", 1)]
    assert workshop.runtimes["a", 1] is first
    assert first.num_closed == 0
    assert workshop.is_closed("a", 2)


def test_version_that_cannot_be_loaded_leaves_the_old_one_and_says_why(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.broken.add(("a", 2))
    workshop.publish()
    shelf.refresh()
    assert workshop.served == [("a", 1)]
    [refused] = workshop.catalogue.refused
    assert (refused.name, refused.version) == ("a", 2)
    assert refused.reason == "model 'a' version 2 cannot be served: it is broken"


def test_whatever_a_library_raises_is_of_that_version_alone_and_only_the_log_says_what(workshop, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    for name in ("a", "b"):
        workshop.publish(name)
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.error = ValueError("/secret/path")
    workshop.broken.add(("a", 2))
    for name in ("a", "b"):
        workshop.publish(name)
    shelf.refresh()
    assert workshop.served == [("a", 1), ("b", 2)]
    assert [refused.reason for refused in workshop.catalogue.refused] == [
        "model 'a' version 2 cannot be served: loading it failed"
    ]
    assert "/secret/path" in caplog.text


def test_model_that_cannot_be_read_is_refused_by_its_name_and_the_others_are_served(workshop):
    workshop.publish("b")
    (workshop.repository.root / "a").symlink_to("a")
    workshop.shelf().refresh()
    assert workshop.served == [("b", 1)]
    assert [refused.reason for refused in workshop.catalogue.refused] == [
        "model 'a' cannot be read: Too many levels of symbolic links"
    ]


def test_whatever_a_library_raises_at_the_start_leaves_the_other_models(workshop):
    for name in ("a", "b"):
        workshop.publish(name)
    workshop.error = ValueError("not enough values to unpack")
    workshop.broken.add(("a", 1))
    workshop.shelf().refresh()
    assert workshop.served == [("b", 1)]


def test_version_that_could_not_be_loaded_is_tried_again_later(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.broken.add(("a", 2))
    workshop.publish()
    shelf.refresh()
    workshop.broken.clear()
    shelf.refresh()
    assert workshop.served == [("a", 1)]
    workshop.now += RETRY_S
    shelf.refresh()
    assert workshop.served == [("a", 2)]
    assert workshop.catalogue.refused == ()


def test_changed_byte_on_disk_keeps_the_old_version(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.publish()
    (workshop.folder / "repository/a/2/model.tflite").write_bytes(b"changed")
    shelf.refresh()
    assert workshop.served == [("a", 1)]
    assert "sha256 differs" in workshop.catalogue.refused[0].reason


def test_repository_that_vanishes_changes_nothing(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    (workshop.folder / "repository").rename(workshop.folder / "elsewhere")
    shelf.refresh()
    assert workshop.served == [("a", 1)]


def test_model_that_is_added_later_is_served_where_all_are_wanted(workshop):
    workshop.publish("b")
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.publish("c")
    shelf.refresh()
    assert workshop.served == [("b", 1), ("c", 1)]


def test_default_is_the_first_that_is_served_and_stays(workshop):
    workshop.broken.add(("a", 1))
    for name in ("a", "c"):
        workshop.publish(name)
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.publish("b")
    shelf.refresh()
    assert workshop.served == [("b", 1), ("c", 1)]
    assert workshop.catalogue.default == ModelReference("c")
    workshop.shelf(before=workshop.catalogue).refresh()  # an engine that is started anew
    assert workshop.catalogue.default == ModelReference("c")


def test_default_stays_when_its_model_goes(workshop):
    for name in ("a", "b"):
        workshop.publish(name)
    shelf = workshop.shelf()
    shelf.refresh()
    (workshop.folder / "repository/a").rename(workshop.folder / "elsewhere")
    shelf.refresh()
    assert workshop.served == [("b", 1)]
    assert (workshop.catalogue.default, workshop.catalogue.default_model) == (ModelReference("a"), None)


@pytest.mark.parametrize("wanted", [("a", "b"), ("a:1", "a", "b")])
def test_default_is_the_first_that_is_wanted_served_or_not(workshop, wanted):
    workshop.broken.add(("a", 1))
    for name in ("a", "b"):
        workshop.publish(name)
    references = [ModelReference.parse(want) for want in wanted]
    workshop.shelf(*references).refresh()
    assert workshop.served == [("b", 1)]
    assert workshop.catalogue.default == references[0]


def test_nothing_to_serve_ends_the_start(workshop):
    workshop.broken.add(("a", 1))
    workshop.publish()
    with pytest.raises(NothingToServe, match="model 'a' version 1 cannot be served: it is broken"):
        workshop.shelf().refresh()


def test_restarted_engine_falls_back_to_what_served_before(workshop):
    workshop.publish()
    before = workshop.shelf()
    before.refresh()
    workshop.broken.add(("a", 2))
    workshop.publish()
    workshop.shelf(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 1)]


def test_versions_whose_loading_ends_the_engine_leave_what_served_before_after_one_death_each(workshop):
    for name in ("a", "b"):
        workshop.publish(name)
    workshop.shelf().refresh()
    workshop.fatal |= {("a", 2), ("b", 2)}
    for name in ("a", "b"):
        workshop.publish(name)
    for _ in range(2):
        with pytest.raises(Killed):
            workshop.shelf(before=workshop.catalogue).refresh()
    for _ in range(2):  # engines that end for another reason change nothing
        workshop.shelf(before=workshop.catalogue).refresh()
        assert workshop.served == [("a", 1), ("b", 1)]
        assert [refused.reason for refused in workshop.catalogue.refused] == [
            "model 'a' version 2 cannot be served: loading it ended the engine",
            "model 'b' version 2 cannot be served: loading it ended the engine",
        ]


def test_model_that_ends_the_engine_as_it_comes_leaves_the_others(workshop):
    workshop.publish("b")
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.fatal.add(("a", 1))
    workshop.publish("a")
    with pytest.raises(Killed):
        shelf.refresh()
    workshop.shelf(before=workshop.catalogue).refresh()
    assert workshop.served == [("b", 1)]


def test_what_served_before_is_loaded_however_often_that_ended_the_engine(workshop):
    workshop.publish()
    workshop.shelf().refresh()
    workshop.fatal.add(("a", 1))
    for _ in range(5):
        with pytest.raises(Killed):
            workshop.shelf(before=workshop.catalogue).refresh()
    workshop.fatal.clear()
    workshop.shelf(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 1)]


def test_version_that_ended_the_engine_is_tried_at_every_start_where_there_is_no_other(workshop):
    workshop.publish()
    shelf = workshop.shelf()
    shelf.refresh()
    workshop.fatal.add(("a", 2))
    workshop.publish()
    with pytest.raises(Killed):
        shelf.refresh()
    shutil.rmtree(workshop.folder / "repository/a/1")
    workshop.fatal.clear()
    with pytest.raises(NothingToServe, match="loading it ended the engine"):
        workshop.shelf(before=workshop.catalogue).refresh()
    workshop.shelf(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 2)]


def test_close_frees_everything(workshop):
    for _ in range(2):
        workshop.publish()
    shelf = workshop.shelf(ModelReference("a"))
    shelf.refresh()
    workshop.promote("a", 1)
    shelf.refresh()
    shelf.close()
    assert workshop.is_closed("a", 1)
    assert workshop.is_closed("a", 2)
