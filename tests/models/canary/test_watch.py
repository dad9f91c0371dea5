"""What a watch does to the repository, and when it leaves it alone."""

from __future__ import annotations

import pytest
from small_artifacts import NAME

from models.canary.observed import ServerUnreadable, Watch
from models.canary.verdict import Judge
from models.canary.watch import watch_canary
from models.store.canary import Canary
from models.store.rollout import start_canary, stop_canary

CANARY = Canary(2, 10)


def samples(num_stable, num_ok, num_errors=0, refused=0):
    def of(name, version, **labels):
        return name, frozenset({"model": NAME, "version": version, **labels}.items())

    return {
        of("opsin_images_total", "1", outcome="ok"): num_stable,
        of("opsin_images_total", "2", outcome="ok"): num_ok,
        of("opsin_images_total", "2", outcome="engine_failed"): num_errors,
        of("opsin_predictions_total", "1", **{"class": "daisy"}): num_stable,
        of("opsin_predictions_total", "2", **{"class": "daisy"}): num_ok,
        of("opsin_model_refused", "2", engine="0", device="cpu"): refused,
    }


@pytest.fixture
def running(repository, publish):
    """Version 1 is stable, 2 the canary."""
    for _ in range(2):
        publish()
    repository.promote(NAME, 1)
    start_canary(repository, NAME, CANARY)
    return repository


def watched(repository, *readings, between=lambda: None):
    """Watch with what each look finds."""
    turns = iter(readings)

    def read(_server):
        found = next(turns)
        if isinstance(found, Exception):
            raise found
        return found

    watch = Watch(NAME, ("http://a",), read=read)
    return watch_canary(
        repository, NAME, CANARY, watch, Judge(100, max_slowdown=1.5), sleep=lambda _: between(), clock=lambda: 0.0
    )


def last(repository):
    change = repository.history(NAME)[-1]
    return change.action, change.version, change.stable, change.why


def test_canary_that_is_no_worse_is_promoted_with_the_reason_in_the_history(running):
    verdict = watched(running, samples(0, 0), samples(900, 100))
    assert verdict.is_good
    assert (running.stable_version(NAME), running.canary(NAME)) == (2, None)
    action, version, stable, why = last(running)
    assert (action, version, stable) == ("promote", 2, 2)
    assert why.startswith("watch: no worse: 0 of 100 answers are errors")


def test_canary_with_more_errors_is_rolled_back_with_the_reason_in_the_history(running):
    verdict = watched(running, samples(0, 0), samples(900, 80, 20))
    assert not verdict.is_good
    assert (running.stable_version(NAME), running.canary(NAME)) == (1, None)
    assert last(running)[:3] == ("rollback", 2, 1)
    assert last(running)[3].startswith("watch: more errors: 20 of 100")


def test_canary_that_a_server_cannot_load_is_rolled_back(running):
    assert not watched(running, samples(0, 0), samples(50, 0, refused=1)).is_good
    assert last(running) == ("rollback", 2, 1, "watch: http://a cannot load it")


def test_server_that_cannot_be_read_is_said_once_and_asked_again(running, capsys):
    away = ServerUnreadable("http://a cannot be read: refused")
    assert watched(running, away, away, samples(0, 0), samples(900, 100)).is_good
    assert capsys.readouterr().err == "http://a cannot be read: refused; it is asked again\n"


@pytest.mark.parametrize("how", ["stop", "promote", "more"])
def test_canary_that_somebody_else_has_changed_is_left_alone(running, how):
    def change():
        if how == "stop":
            stop_canary(running, NAME)
        elif how == "promote":
            running.promote(NAME, 2)
        else:
            start_canary(running, NAME, Canary(2, 50))

    assert watched(running, samples(0, 0), between=change) is None
    assert not last(running)[3]


def test_verdict_on_a_canary_that_ends_in_that_moment_changes_nothing(running, monkeypatch):
    def look(self):
        found = real(self)
        if self.observed(2).num_ok:
            stop_canary(running, NAME, why="by hand")
        return found

    real = Watch.look
    monkeypatch.setattr(Watch, "look", look)
    assert watched(running, samples(0, 0), samples(900, 80, 20)) is None
    assert last(running) == ("canary", 2, 1, "by hand")
