"""What becomes of a version that cannot be loaded, or ends the engine."""

from __future__ import annotations

import numpy as np
import pytest
from engines import MODEL

from models.errors import CorruptArtifact
from server.engine.catalogue import Catalogue
from server.engine.load_attempts import MAX_DEATHS, RETRY_S, LoadAttempts, VersionRefused


class Killed(BaseException):
    """The end of an engine."""


class Engines:
    """One engine after the other, on the same notes."""

    def __init__(self):
        self.now = 0.0
        self.notes = np.zeros(MAX_DEATHS, np.uint64)
        self.start()

    def start(self, before=()):
        self.load_attempts = LoadAttempts(self.notes, before=Catalogue(before), clock=lambda: self.now)

    def load(self, error=None, *, name=MODEL.name, version=MODEL.version):
        with self.load_attempts.attempt(name, version):
            if error:
                raise error

    def die(self, **named):
        with pytest.raises(Killed):
            self.load(Killed(), **named)
        self.start()

    def refuse(self, reason, **named):
        with pytest.raises(VersionRefused, match=reason):
            self.load(**named)


@pytest.fixture
def engines():
    return Engines()


def test_version_that_failed_is_tried_again_later_and_not_before(engines):
    for _ in range(2):
        with pytest.raises(VersionRefused):
            engines.load(CorruptArtifact("it is broken"))
        engines.refuse("^model 'colours' version 3 cannot be served: it is broken$")
        engines.now += RETRY_S
    engines.load()


def test_failure_that_left_the_engine_alive_says_nothing_to_the_next(engines):
    with pytest.raises(VersionRefused):
        engines.load(CorruptArtifact("it is broken"))
    engines.start()
    engines.load()


def test_version_that_ended_three_engines_is_not_tried_again(engines):
    engines.die()
    for _ in range(MAX_DEATHS - 1):
        engines.refuse("loading it ended the engine$")
        engines.now += RETRY_S
        engines.die()
    for _ in range(2):
        engines.refuse("loading it ended the engine 3 times; it is tried again when the server restarts$")
        engines.now += 100 * RETRY_S


def test_deaths_are_forgotten_when_it_has_been_loaded_or_all_are(engines):
    engines.die()
    engines.refuse("ended the engine")
    engines.now += RETRY_S
    engines.load()
    engines.start()
    engines.load()
    engines.die()
    engines.load_attempts.forget_deaths()
    engines.load()


def test_what_served_before_is_tried_however_many_engines_it_ended(engines):
    for _ in range(MAX_DEATHS + 1):
        engines.start(before=(MODEL,))
        engines.die()
    engines.start(before=(MODEL,))
    engines.load()


def test_more_deaths_than_there_are_places_forget_one(engines):
    for version in range(1, MAX_DEATHS + 2):
        engines.die(version=version)
    engines.refuse("ended the engine", version=MAX_DEATHS + 1)
    assert np.count_nonzero(engines.notes) == MAX_DEATHS
