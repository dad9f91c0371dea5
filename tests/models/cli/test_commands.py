"""What each command does."""

import json
import shutil
from pathlib import Path

import pytest
from small_artifacts import FILES, contents, snapshot

from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]


def corrupt(repository, name, version):
    (repository.root / name / str(version) / "model.tflite").write_bytes(b"changed")


def test_list_is_a_table(models):
    status, out, err = models("list")
    assert (status, err) == (0, "")
    assert out.startswith("NAME     VERSION  STABLE  ARCHITECTURE  PRECISION ")
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["birds", "1", "*", "-", "float32", "11", "B", "-"],
        ["flowers", "1", "resnet_v2", "20", "int8,", "float16", "48", "B", "93.42", "%"],
        ["flowers", "2", "*", "resnet_v2", "20", "int8,", "float16", "48", "B", "50.00", "%"],
    ]


def test_list_as_json(models):
    status, out, _ = models("list", "--json")
    assert status == 0
    assert json.loads(out)[1] == {
        "name": "flowers",
        "version": 1,
        "is_stable": False,
        "is_default": False,
        "error": None,
        "architecture": {"family": "resnet_v2", "variant": "20", "input_shape": [32, 32, 3]},
        "precision": {"litert": "int8", "tensorflow": "float16"},
        "num_classes": 3,
        "size_bytes": 48,
        "accuracy": 0.9342,
    }


def test_list_marks_the_default_that_the_repository_names(models, repository):
    (repository.root / "repository.json").write_text('{"default": "flowers"}')
    status, out, err = models("list")
    assert (status, err) == (0, "")
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["birds", "1", "*", "-"],
        ["flowers", "1", "resnet_v2", "20"],
        ["flowers", "2", "*", "default"],
    ]
    records = json.loads(models("list", "--json")[1])
    assert [record["is_default"] for record in records] == [False, True, True]


def test_list_and_verify_name_a_default_that_is_not_there_and_go_on(models, repository):
    (repository.root / "repository.json").write_text('{"default": "cats"}')
    fault = "repository.json says that model 'cats' is the default, but the repository holds birds, flowers"
    status, out, err = models("list")
    assert (status, len(out.splitlines()), err) == (1, 4, f"python -m models: {fault}\n")
    assert models("list", "--json")[1].startswith('[\n  {\n    "name": null,\n    "version": null,\n')
    status, out, _ = models("verify")
    assert (status, out.splitlines()[0]) == (1, f"CORRUPT  {fault}")


def test_list_shows_what_is_corrupt_and_goes_on(models, repository):
    (repository.root / "birds" / "1" / "manifest.json").write_text("{}")
    status, out, err = models("list")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "birds", "flowers", "flowers"]
    assert out.splitlines()[1].split() == ["birds", "1", "*", "corrupt", "-", "-", "-"]
    assert err.startswith("python -m models: model 'birds' version 1 is corrupt: manifest.json has format None")
    assert err.count("\n") == 1


def test_list_and_verify_name_a_model_that_cannot_be_read_and_go_on(models, repository):
    (repository.root / "cars").symlink_to("cars")
    fault = "model 'cars' cannot be read: Too many levels of symbolic links"
    status, out, err = models("list")
    assert (status, err) == (1, f"python -m models: {fault}\n")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "birds", "flowers", "flowers"]
    status, out, _ = models("verify")
    assert (status, out.splitlines()[1]) == (1, f"CORRUPT  {fault}")
    assert len(out.splitlines()) == 4


def test_list_of_an_empty_repository_says_so(models, repository):
    shutil.rmtree(repository.root)
    repository.root.mkdir()
    assert models("list") == (0, "", f"python -m models: there are no models in {repository.root}\n")
    assert models("list", "--json")[:2] == (0, "[]\n")


def test_inspect_shows_the_stable_version(models, repository):
    status, out, err = models("inspect", "flowers")
    assert (status, err) == (0, "")
    for text in (
        "version       2 (stable)",
        f"folder        {repository.root / 'flowers' / '2'}",
        "engines       litert: model.tflite (int8), tensorflow: saved_model (float16)",
        "labels        3: daisy, tulip, Gänseblümchen",
        "pixels        height_px 32, width_px 32, fit stretch",
        "accuracy      50.00 %",
        '  "command": "python -m training"',
    ):
        assert text in out
    assert [line.split()[-1] for line in out.splitlines()[-3:]] == FILES


def test_inspect_as_json_holds_the_manifest(models, repository):
    status, out, _ = models("inspect", "flowers:1", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["manifest"] == repository.load("flowers", 1).manifest.to_dict()
    assert found["is_stable"] is False
    assert found["size_bytes"] == 48
    assert found["path"] == str(repository.root / "flowers" / "1")


def test_inspect_of_a_corrupt_version_fails_with_its_place(models, repository):
    corrupt(repository, "flowers", 1)
    status, out, err = models("inspect", "flowers:1")
    assert (status, out) == (1, "")
    assert err == (
        "python -m models: model 'flowers' version 1 is corrupt: model.tflite has changed since it was published "
        f"(its sha256 differs) (repository {repository.root})\n"
    )


def test_verify_of_all_that_is_well(models):
    status, out, err = models("verify")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "ok       model 'birds' version 1 (1 file, 11 B)",
        "ok       model 'flowers' version 1 (3 files, 48 B)",
        "ok       model 'flowers' version 2 (3 files, 48 B)",
    ]


def test_verify_names_what_is_wrong_and_goes_on(models, repository):
    corrupt(repository, "birds", 1)
    (repository.root / "flowers" / "routing.json").write_text('{"stable": 7}')
    status, out, err = models("verify")
    assert status == 1
    assert out.splitlines() == [
        "CORRUPT  model 'birds' version 1 is corrupt: model.tflite has changed since it was published "
        "(its sha256 differs)",
        "CORRUPT  the routing of model 'flowers' is corrupt: routing.json says that version 7 is stable, "
        "but the model has 1, 2",
        "ok       model 'flowers' version 1 (3 files, 48 B)",
        "ok       model 'flowers' version 2 (3 files, 48 B)",
    ]
    assert err.startswith("python -m models: model 'birds' version 1 is corrupt")
    assert err.count("\n") == 1


def test_verify_of_one_model_or_version_looks_at_no_other(models, repository):
    corrupt(repository, "flowers", 1)
    assert models("verify", "birds")[0] == 0
    assert models("verify", "flowers:2")[0] == 0
    assert models("verify", "flowers:1")[0] == 1
    assert models("verify", "flowers")[0] == 1


def test_verify_as_json(models, repository):
    corrupt(repository, "birds", 1)
    status, out, _ = models("verify", "--json")
    assert status == 1
    assert [(found["name"], found["version"], found["error"] is None) for found in json.loads(out)] == [
        ("birds", 1, False),
        ("flowers", 1, True),
        ("flowers", 2, True),
    ]


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["inspect", "flowers"], ["verify"], ["verify", "--json"]]
)
def test_looking_writes_nothing(models, repository, arguments):
    before = snapshot(repository.root)
    assert models(*arguments)[0] == 0
    assert snapshot(repository.root) == before


def test_publish_copies_an_artifact_as_the_next_version(models, repository):
    source = repository.load("flowers", 1)
    status, out, err = models("publish", str(source.path))
    assert (status, err) == (0, "")
    assert out == f"published model flowers version 3 in {repository.root}; it is now stable\n"
    assert contents(repository.load("flowers")) == contents(source)
    assert repository.load("flowers").manifest.metrics == source.manifest.metrics


def test_publish_under_another_name(models, repository):
    status, out, _ = models("publish", str(repository.root / "flowers" / "1"), "--name", "mine", "--json")
    assert status == 0
    assert json.loads(out) == {"name": "mine", "version": 1, "path": str(repository.root / "mine" / "1")}
    assert repository.load("mine").manifest.name == "mine"


def test_publish_refuses_a_corrupt_artifact(models, repository):
    corrupt(repository, "flowers", 1)
    status, out, err = models("publish", str(repository.root / "flowers" / "1"))
    assert (status, out) == (1, "")
    assert "model.tflite has changed" in err
    assert str(repository.root / "flowers" / "1") in err
    assert repository.versions("flowers") == [1, 2]


def test_promote_makes_a_version_stable_once_it_is_verified(models, repository):
    assert repository.stable_version("flowers") == 2
    status, out, err = models("promote", "flowers:1")
    assert (status, err) == (0, "")
    assert out == f"version 1 of model flowers is now stable in {repository.root}\n"
    assert repository.stable_version("flowers") == 1
    assert json.loads(models("promote", "flowers:2", "--json")[1]) == {"name": "flowers", "version": 2}
    corrupt(repository, "flowers", 1)
    assert models("promote", "flowers:1")[0] == 1
    assert repository.stable_version("flowers") == 2


def test_rollback_and_history_tell_what_was_done_and_why(models, repository):
    models("promote", "flowers:1", "--why", "calmer")
    status, out, err = models("rollback", "flowers", "--why", "it was not")
    assert (status, out, err) == (0, f"version 2 of model flowers is now stable in {repository.root}\n", "")
    records = json.loads(models("history", "flowers", "--json")[1])
    assert [(each["action"], each["stable"], each["why"]) for each in records][-2:] == [
        ("promote", 1, "calmer"),
        ("rollback", 2, "it was not"),
    ]
    status, out, _ = models("history", "flowers")
    assert out.splitlines()[-1].split()[2:] == ["rollback", "2", "2", "it", "was", "not"]


def test_version_is_retired_but_not_the_stable_one(models, repository):
    status, out, err = models("retire", "flowers:2")
    assert (status, out) == (2, "")
    assert "version 2 of model 'flowers' is the stable one: promote another first" in err
    status, out, _ = models("retire", "flowers:1")
    assert (status, out) == (0, f"version 1 of model flowers is no more in {repository.root}\n")
    assert repository.versions("flowers") == [2]


def test_export_and_verify_go_from_a_model_to_answers_made_elsewhere(models, tmp_path):
    shipped = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
    status, out, _ = models("publish", str(shipped.path), "--name", "small")
    assert status == 0
    status, out, err = models("verify", "small")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("ok       model 'small' version 1")
    assert "agrees   litert: largest difference 0.0000, same label for 10 of 10" in out
    status, out, _ = models("export", "small", "--out", str(tmp_path / "phone"))
    assert (status, len(list((tmp_path / "phone" / "golden").iterdir()))) == (0, 10)
    golden = json.loads((tmp_path / "phone" / "golden.json").read_text())
    answers = {picture["file"]: picture["probabilities"][::-1] for picture in golden["pictures"]}
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    model, given = str(tmp_path / "phone" / "model.tflite"), ("--answers", str(tmp_path / "answers.json"))
    status, out, _ = models("verify", model, *given)
    assert (status, out.splitlines()[1]) == (1, "         labels: labels are in the reverse order")
    status, out, _ = models("verify", "small", *given, "--json")
    [verdict] = json.loads(out)
    assert (status, verdict["parts_at"], verdict["comparison"]["num_pictures"]) == (1, "labels", 10)
    status, out, err = models("verify", str(tmp_path / "nowhere.tflite"))
    assert (status, out, err) == (2, "", f"python -m models: there is no file {tmp_path / 'nowhere.tflite'}\n")
