"""What `python -m models canary` takes, does and says."""

from __future__ import annotations

import json

import pytest


def test_canary_is_started_changed_shown_and_stopped(models, repository):
    assert models("canary", "flowers") == (
        0,
        "there is no canary: version 2 of model flowers gets all requests\n",
        "",
    )
    status, out, err = models("canary", "flowers", "--version", "1", "--percent", "10", "--why", "calmer")
    assert (status, err) == (0, "")
    assert out == (
        "version 1 of model flowers gets 10 % of the requests that name no version; "
        "version 2, the stable one, the others\n"
    )
    assert json.loads(models("canary", "flowers", "--version", "1", "--percent", "25%", "--json")[1]) == {
        "name": "flowers",
        "stable": 2,
        "canary": {"version": 1, "percent": 25},
    }
    assert models("list")[1].splitlines()[2].split()[:4] == ["flowers", "1", "canary", "25"]
    ended = (0, "the canary has ended: version 2 of model flowers gets all requests\n", "")
    assert models("canary", "flowers", "--stop") == ended
    models("canary", "flowers", "--version", "1", "--percent", "5", "--shadow")
    assert (
        models("canary", "flowers")[1]
        == "version 1 of model flowers is asked 5 % of the requests too, in the shadow of version 2\n"
    )
    assert models("canary", "flowers", "--version", "1", "--percent", "0") == ended
    actions = [line.split()[2:6] for line in models("history", "flowers")[1].splitlines()[1:]]
    assert [" ".join(action) for action in actions[2:]] == [
        "canary 10% 1 2",
        "canary 25% 1 2",
        "canary 0% 1 2",
        "shadow 5% 1 2",
        "canary 0% 1 2",
    ]


def test_rollback_ends_the_canary(models, repository):
    models("canary", "flowers", "--version", "1", "--percent", "10")
    ended = "the canary has ended: version 2 of model flowers gets all requests\n"
    assert models("rollback", "flowers") == (0, ended, "")
    assert repository.canary("flowers") is None
    assert repository.stable_version("flowers") == 2


def test_list_as_json_tells_of_the_canary_alone(models):
    models("canary", "flowers", "--version", "1", "--percent", "10")
    records = json.loads(models("list", "--json")[1])
    assert [record.get("canary") for record in records] == [None, {"version": 1, "percent": 10}, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "1"], "a canary takes both --version V and --percent P"),
        (["--percent", "5"], "a canary takes both --version V and --percent P"),
        (["--shadow"], "--shadow takes --version V and --percent P"),
        (["--stop", "--percent", "5"], "--stop ends a canary"),
        (["--version", "01", "--percent", "5"], "a version must be a whole number >= 1, got '01'"),
        (["--version", "1", "--percent", "101"], "a percentage must be a number from 0 to 100, got '101'"),
        (["--version", "1", "--percent", "nan"], "a percentage must be a number from 0 to 100, got 'nan'"),
        (["--version", "9", "--percent", "5"], "model 'flowers' has no version 9; it has 1, 2"),
        (["--version", "2", "--percent", "5"], "version 2 of model 'flowers' is the stable one"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(models, repository, arguments, message):
    status, out, err = models("canary", "flowers", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert repository.canary("flowers") is None


def test_canary_of_a_model_that_is_not_there(models):
    for arguments in ([], ["--stop"], ["--version", "1", "--percent", "5"]):
        status, _, err = models("canary", "cats", *arguments)
        assert status == 2
        assert "there is no model 'cats'; the repository holds birds, flowers" in err
