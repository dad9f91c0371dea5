import json
import math
from contextlib import nullcontext

import pytest

from benchmarks import release
from benchmarks.figures import Figure, ratio_figure
from benchmarks.release import fallen, last_release, main, sample_figures, shipped_models
from benchmarks.service import StartFailed

BEFORE = {"pets": {"top1": 0.95, "ece": 0.01}}


def models(top1=0.95, ece=0.01):
    return {"pets": {"top1": top1, "ece": ece}}


def speed(*ratios, what="shipped: requests/s at 1 connection, over v1"):
    return [ratio_figure(what, ratios, [1.0] * len(ratios))]


@pytest.mark.parametrize("now", [models(), models(top1=0.946), models(ece=0.019), models() | {"birds": {}}])
def test_what_is_as_good_or_nearly_so_has_not_fallen(now):
    assert fallen(now, BEFORE, speed(*[0.98, 1.02] * 20)) == []


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        (models(top1=0.94), "the top-1 accuracy of pets fell from 95.00% to 94.00%"),
        (models(ece=0.03), "the calibration error of pets rose from 0.0100 to 0.0300"),
        (models(top1=math.nan), "the top-1 accuracy of pets fell from 95.00% to nan%"),
        (models(ece=math.nan), "the calibration error of pets rose from 0.0100 to nan"),
        ({}, "pets is no longer shipped"),
    ],
)
def test_what_fell_is_one_line(now, fault):
    assert fallen(now, BEFORE, []) == [fault]


def test_release_is_slower_only_where_noise_cannot_be_why():
    [fault] = fallen(models(), BEFORE, speed(*[0.9, 0.92] * 20))
    assert fault.startswith("shipped: requests/s at 1 connection, over v1: 0.91")
    assert fallen(models(), BEFORE, speed(0.9, 1.1, 0.9, 1.0)) == []
    assert fallen(models(), BEFORE, speed(*[0.9] * 40, what="shipped: CPU time a request")) == []


def test_machine_too_busy_to_tell_a_fall_refuses():
    [fault] = fallen(models(), BEFORE, speed(*[0.5, 4.9, 0.8, 1.2] * 2))
    assert fault.startswith(
        "shipped: requests/s at 1 connection, over v1: anything from 0.500 to 4.900, so that it may"
    )


def test_release_that_does_not_answer_everything_is_refused_however_fast():
    what = "shipped: requests not answered 200 at 1 connection, over v1"
    assert fallen(models(), BEFORE, [*speed(1.2), Figure(what, 0, at_most=0)]) == []
    assert fallen(models(), BEFORE, [*speed(1.2), Figure(what, 3, at_most=0)]) == [
        f"{what}: 3, and at most 0 is allowed"
    ]


def test_last_release_is_the_newest_before_by_number(tmp_path):
    for version in ("0.2.0", "0.10.0", "0.9.1", "1.0.0"):
        (tmp_path / f"{version}.json").write_text(json.dumps({"version": version}))
    assert last_release(tmp_path, "1.0.0")["version"] == "0.10.0"
    assert last_release(tmp_path, "0.2.0") is None


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(release, "RELEASES", tmp_path / "releases")
    monkeypatch.setattr(release, "sample_figures", lambda: {"top1": 0.9, "ece": 0.02})
    monkeypatch.setattr(release, "measure", lambda *_: [])
    return tmp_path / "releases"


def test_first_release_is_compared_with_nothing_and_recorded(folder, capsys):
    assert main(["0.1.0", "--dry-run"]) == 0
    assert not folder.exists()
    assert main(["0.1.0"]) == 0
    recorded = json.loads((folder / "0.1.0.json").read_text())
    assert (recorded["version"], recorded["last"]) == ("0.1.0", None)
    assert recorded["models"].keys() == shipped_models().keys() | {"sample"}
    assert "against nothing, for it is the first release" in capsys.readouterr().out


def test_release_that_is_worse_is_refused_and_not_recorded(folder, monkeypatch, capsys):
    monkeypatch.setattr(release, "find_revision", lambda tag: tag)
    monkeypatch.setattr(release, "checkout", lambda _: nullcontext(folder))
    folder.mkdir()
    better = {name: {"top1": 1.0, "ece": 0.0} for name in shipped_models()}
    (folder / "0.1.0.json").write_text(json.dumps({"version": "0.1.0", "models": better}))
    assert main(["0.2.0"]) == 1
    assert not (folder / "0.2.0.json").exists()
    assert "python -m benchmarks.release: the top-1 accuracy of" in capsys.readouterr().err


def test_last_release_whose_tag_git_does_not_know_is_named(folder, capsys):
    folder.mkdir()
    (folder / "0.0.1.json").write_text(json.dumps({"version": "0.0.1", "models": {}}))
    with pytest.raises(SystemExit) as left:
        main(["0.1.0"])
    assert left.value.code == 2
    assert "git knows no tag v0.0.1 to compare the speed with" in capsys.readouterr().err


def test_speed_that_could_not_be_measured_refuses_in_one_line(folder, monkeypatch, capsys):
    def measure(*_):
        raise StartFailed("the service did not get ready; it said 'no'")

    monkeypatch.setattr(release, "find_revision", lambda tag: tag)
    monkeypatch.setattr(release, "checkout", lambda _: nullcontext(folder))
    monkeypatch.setattr(release, "measure", measure)
    folder.mkdir()
    (folder / "0.0.1.json").write_text(json.dumps({"version": "0.0.1", "models": {}}))
    with pytest.raises(SystemExit) as left:
        main(["0.1.0"])
    assert left.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "python -m benchmarks.release: the speed could not be measured: the service did not get ready; it said 'no'"
    ]
    assert not (folder / "0.1.0.json").exists()


def test_sample_is_answered_as_its_manifest_says():
    found, promised = sample_figures(), shipped_models()["cifar10"]
    assert found["version"] == promised["version"]
    assert found["num_images"] == 300
    assert abs(found["top1"] - promised["top1"]) < 0.04
