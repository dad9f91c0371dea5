"""`python -m models purpose`."""

from __future__ import annotations

import json

import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_sources

from models.cli import main
from models.store.purposes import Purpose
from models.store.repository import Repository


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "models")
    repository.publish(counted_manifest(), small_sources(tmp_path))
    return repository


@pytest.fixture
def run(repository, capsys):
    def run(*arguments):
        status = main(["purpose", "flowers", *arguments, "--repository", str(repository.root)])
        output = capsys.readouterr()
        return status, output.out + output.err

    return run


def test_what_is_given_is_said_and_the_rest_stays(run, repository):
    assert run("--for", "Gardens", "--for", "Parks", "--licence", "CC0")[0] == 0
    status, said = run("--for", "Meadows", "--by", "Ada", "--why", "asked")
    assert (status, said) == (
        0,
        "what the publisher of flowers:1 says:\n  for: Meadows\n  made by: Ada\n  licence: CC0\n",
    )
    assert repository.purpose("flowers", 1) == Purpose(("Meadows",), made_by="Ada", licence="CC0")
    last = repository.history("flowers")[-1]
    assert (last.action, last.version, last.why) == ("purpose", 1, "asked")


def test_without_anything_to_say_it_prints_what_is_said(run, repository):
    assert "nothing is said of flowers:1: give --for" in run()[1]
    repository.set_purpose("flowers", 1, Purpose(("Gardens",)))
    assert json.loads(run("--json")[1])["purpose"]["is_for"] == ["Gardens"]
    assert len(repository.history("flowers")) == 2


def test_clear_forgets_it_or_what_others_do_not_say(run, repository):
    run("--for", "Gardens", "--by", "Ada")
    run("--clear", "--by", "Bo")
    assert repository.purpose("flowers", 1) == Purpose(made_by="Bo")
    run("--clear")
    assert repository.purpose("flowers", 1) is None


def test_text_that_is_too_long_is_refused_in_one_line(run, repository):
    status, said = run("--for", "x" * 501)
    assert (status, said.count("\n")) == (2, 1)
    assert "a line of is_for must have at most 500 characters, got 501" in said
    assert repository.purpose("flowers", 1) is None
