"""What cannot be loaded, or ends the engine when it is, leaves the others and what served before."""

from __future__ import annotations

import logging
import shutil

import pytest
from workshop import Killed

from models.store.reference import ModelReference
from server.engine.load_attempts import RETRY_S
from server.engine.registry import NothingToServe


def test_version_that_cannot_be_loaded_leaves_the_old_one_and_says_why(workshop):
    registry = workshop.serving("a")
    workshop.broken.add(("a", 2))
    workshop.publish()
    registry.refresh()
    assert workshop.served == [("a", 1)]
    [refused] = workshop.catalogue.refused
    assert (refused.name, refused.version) == ("a", 2)
    assert refused.reason == "model 'a' version 2 cannot be served: it is broken"


def test_whatever_a_library_raises_is_of_that_version_alone_and_only_the_log_says_what(workshop, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    registry = workshop.serving("a", "b")
    workshop.error = ValueError("/secret/path")
    workshop.broken.add(("a", 2))
    for name in ("a", "b"):
        workshop.publish(name)
    registry.refresh()
    assert workshop.served == [("a", 1), ("b", 2)]
    assert [refused.reason for refused in workshop.catalogue.refused] == [
        "model 'a' version 2 cannot be served: loading it failed"
    ]
    assert "/secret/path" in caplog.text


def test_what_goes_on_for_long_is_logged_once(workshop, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    registry = workshop.serving("a")
    workshop.error = ValueError("not enough values to unpack")
    workshop.broken.add(("a", 2))
    workshop.publish()
    for _ in range(3):
        registry.refresh()
        workshop.now += RETRY_S
    assert caplog.text.count("Traceback") == 1
    caplog.clear()
    (workshop.folder / "repository").rename(workshop.folder / "elsewhere")
    (workshop.folder / "repository").symlink_to("repository")
    for _ in range(3):
        registry.refresh()
    assert caplog.text.count("the repository cannot be read: Too many levels of symbolic links; what is served") == 1


def test_model_that_cannot_be_read_is_refused_by_its_name_and_the_others_are_served(workshop):
    workshop.publish("b")
    (workshop.repository.root / "a").symlink_to("a")
    workshop.registry().refresh()
    assert workshop.served == [("b", 1)]
    assert [refused.reason for refused in workshop.catalogue.refused] == [
        "model 'a' cannot be read: Too many levels of symbolic links"
    ]


def test_whatever_a_library_raises_at_the_start_leaves_the_other_models(workshop):
    for name in ("a", "b"):
        workshop.publish(name)
    workshop.error = ValueError("not enough values to unpack")
    workshop.broken.add(("a", 1))
    workshop.registry().refresh()
    assert workshop.served == [("b", 1)]


def test_version_that_could_not_be_loaded_is_tried_again_later(workshop):
    registry = workshop.serving("a")
    workshop.broken.add(("a", 2))
    workshop.publish()
    registry.refresh()
    workshop.broken.clear()
    registry.refresh()
    assert workshop.served == [("a", 1)]
    workshop.now += RETRY_S
    registry.refresh()
    assert workshop.served == [("a", 2)]
    assert workshop.catalogue.refused == ()


def test_changed_byte_on_disk_keeps_the_old_version(workshop):
    registry = workshop.serving("a")
    workshop.publish()
    (workshop.folder / "repository/a/2/model.tflite").write_bytes(b"changed")
    registry.refresh()
    assert workshop.served == [("a", 1)]
    assert "sha256 differs" in workshop.catalogue.refused[0].reason


def test_nothing_to_serve_ends_the_start(workshop):
    workshop.broken.add(("a", 1))
    workshop.publish()
    with pytest.raises(NothingToServe, match="model 'a' version 1 cannot be served: it is broken"):
        workshop.registry().refresh()


def test_restarted_engine_falls_back_to_what_served_before(workshop):
    workshop.serving("a")
    workshop.broken.add(("a", 2))
    workshop.publish()
    workshop.registry(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 1)]


def test_of_several_that_served_before_the_highest_is_fallen_back_to(workshop):
    for _ in range(2):
        workshop.publish()
    workshop.registry(ModelReference("a"), ModelReference("a", 1)).refresh()
    before = workshop.catalogue
    workshop.broken.add(("a", 3))
    workshop.publish()
    workshop.registry(ModelReference("a"), before=before).refresh()
    assert workshop.served == [("a", 2)]


def test_versions_whose_loading_ends_the_engine_leave_what_served_before_after_one_death_each(workshop):
    workshop.serving("a", "b")
    workshop.fatal |= {("a", 2), ("b", 2)}
    for name in ("a", "b"):
        workshop.publish(name)
    for _ in range(2):
        with pytest.raises(Killed):
            workshop.registry(before=workshop.catalogue).refresh()
    for _ in range(2):  # engines that end for another reason change nothing
        workshop.registry(before=workshop.catalogue).refresh()
        assert workshop.served == [("a", 1), ("b", 1)]
        assert [refused.reason for refused in workshop.catalogue.refused] == [
            "model 'a' version 2 cannot be served: loading it ended the engine",
            "model 'b' version 2 cannot be served: loading it ended the engine",
        ]


def test_model_that_ends_the_engine_as_it_comes_leaves_the_others(workshop):
    registry = workshop.serving("b")
    workshop.fatal.add(("a", 1))
    workshop.publish("a")
    with pytest.raises(Killed):
        registry.refresh()
    workshop.registry(before=workshop.catalogue).refresh()
    assert workshop.served == [("b", 1)]


def test_what_served_before_is_loaded_however_often_that_ended_the_engine(workshop):
    workshop.serving("a")
    workshop.fatal.add(("a", 1))
    for _ in range(5):
        with pytest.raises(Killed):
            workshop.registry(before=workshop.catalogue).refresh()
    workshop.fatal.clear()
    workshop.registry(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 1)]


def test_version_that_ended_the_engine_is_tried_at_every_start_where_there_is_no_other(workshop):
    registry = workshop.serving("a")
    workshop.fatal.add(("a", 2))
    workshop.publish()
    with pytest.raises(Killed):
        registry.refresh()
    shutil.rmtree(workshop.folder / "repository/a/1")
    workshop.fatal.clear()
    with pytest.raises(NothingToServe, match="loading it ended the engine"):
        workshop.registry(before=workshop.catalogue).refresh()
    workshop.registry(before=workshop.catalogue).refresh()
    assert workshop.served == [("a", 2)]
