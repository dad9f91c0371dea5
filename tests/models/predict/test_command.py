"""The command as a user gives it, with the shipped model."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from colours import RED
from pictures import encode, gradient
from tried_runtimes import trial
from waiting import wait_until

from models.arguments import parse
from models.cli import main
from models.predict import model, parquet
from models.runtime_choice.choice import choose
from models.runtime_choice.record import RuntimeChoice
from models.store.repository import Repository

REPO = Path(__file__).parents[3]
VERSION = Repository(REPO / "models" / "zoo").stable_version("cifar10")


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """Serve the shipped models, whatever a checkout's own repository holds."""
    monkeypatch.setenv("OPSIN_REPOSITORY", str(REPO / "models" / "zoo"))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.jpg").write_bytes(encode(gradient(20 + number, 40), "JPEG"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "note.txt").write_bytes(b"hello")
    return folder


@pytest.fixture
def predict(photos, tmp_path, capfd):
    """Run the command in this process; gives status, stdout, stderr."""

    def predict(*options, model="cifar10", source=photos, out="answers.csv"):
        try:
            status = main(["predict", model, str(source), "--out", str(tmp_path / out), *options])
        except SystemExit as leaving:
            status = leaving.code
        return status, *capfd.readouterr()

    return predict


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_file_has_a_row(predict, photos, tmp_path):
    status, out, err = predict()
    assert (status, err) == (0, "")
    assert out.startswith(f"{tmp_path}/answers.csv: 62 rows, 2 with an error (in 0:0")
    rows = rows_of(tmp_path / "answers.csv")
    assert [row["file"] for row in rows] == sorted(path.name for path in photos.iterdir())
    assert {(row["model"], row["version"]) for row in rows} == {("cifar10", str(VERSION))}
    assert [row["error"] for row in rows if row["error"]] == ["corrupt_image", "unsupported_image"]
    assert all(bool(row["label"]) != bool(row["error"]) for row in rows)
    assert predict()[1] == f"{tmp_path}/answers.csv: 62 rows, 2 with an error (all there already)\n"


def test_auto_takes_the_runtime_that_the_server_would(predict, tmp_path, monkeypatch):
    chosen = []

    def choose_runtime(artifact, *, folder):
        chosen.append((artifact.manifest.name, folder))
        return choose([trial(1.0)])

    monkeypatch.setenv("OPSIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(model, "choose_runtime", choose_runtime)
    status, _, err = predict("--runtime", "auto")
    assert (status, chosen) == (0, [("cifar10", tmp_path / "cache")])
    assert err == "runs on litert, because openvino was only 1.00 times as fast as litert\n"


@pytest.mark.parametrize(
    ("variable", "runtime"), [("", "auto"), ("OpenVINO", "openvino"), ("auto", "auto"), ("tensorflow", "auto")]
)
def test_runtime_is_the_servers_unless_that_is_for_gpus(monkeypatch, variable, runtime):
    monkeypatch.setenv("OPSIN_RUNTIME", variable)
    assert parse(["predict", "cifar10", "photos", "--out", "answers.csv"]).runtime == runtime


def test_auto_goes_on_with_the_runtime_of_the_rows_that_are_there(predict, tmp_path, monkeypatch):
    assert predict("--runtime", "litert")[0] == 0
    monkeypatch.setattr(model, "choose_runtime", lambda *_, **__: pytest.fail("that is decided"))
    assert predict("--runtime", "auto")[1].endswith("(all there already)\n")
    monkeypatch.setattr(model, "choose_runtime", lambda *_, **__: RuntimeChoice("openvino", "it was faster"))
    monkeypatch.setattr(model, "installed_runtimes", dict)  # no more
    assert 'of another runtime, "litert" where it is "openvino" now' in predict("--runtime", "auto")[2]


def test_json_and_parquet_say_the_same(predict, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    options = ("--top-k", "3", "--json")
    assert predict(*options, out="a.jsonl")[0] == predict(*options, out="a.parquet")[0] == 0
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert pyarrow.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("a.p")) == [
        "a.parquet",
        "a.parquet.run.json",
    ]
    summary = json.loads(predict(*options, out="a.jsonl")[1])
    assert summary == {
        **{"out": str(tmp_path / "a.jsonl"), "model": "cifar10", "version": VERSION},
        **{"rows": 62, "errors": 2, "hidden": 0},
    }


def test_the_folder_of_a_model_is_a_model(predict, tmp_path):
    assert predict(model=str(REPO / f"models/zoo/cifar10/{VERSION}"), out="a.csv")[0] == predict(out="b.csv")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_limit_can_be_another(predict, tmp_path):
    assert predict("--max-pixels", "1200")[0] == 0
    messages = {row["message"] for row in rows_of(tmp_path / "answers.csv")}
    assert "the image has 40 x 31 pixels; at most 1,200 are accepted" in messages


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ((), {"model": "cars"}, "there is no model 'cars'; the repository holds"),
        ((), {"model": "cifar10:1"}, "model 'cifar10' has no version 1"),
        ((), {"model": "no/where"}, "there is no folder no/where"),
        ((), {"model": "Cifar"}, "a model name must be"),
        ((), {"out": "answers.txt"}, "must end with one of .csv, .jsonl, .parquet"),
        ((), {"out": "nowhere/answers.csv"}, "there is no folder"),
        (("--top-k", "0"), {}, "must be a whole number >= 1, got '0'"),
        (("--coverage", "1"), {}, "must be a number between 0 and 1, got '1'"),
        (("--repository", "/nowhere"), {}, "there is no repository at /nowhere"),
        ((), {"source": "nowhere"}, "nowhere cannot be read: No such file or directory"),
    ],
)
def test_wrong_arguments_end_with_one_line(predict, tmp_path, options, given, message):
    status, out, err = predict(*options, **given)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("answers")]


def test_parquet_without_its_library_is_refused_in_one_line(predict, monkeypatch):
    monkeypatch.setattr(parquet, "find_spec", lambda _name: None)
    assert predict(out="a.parquet") == (
        2,
        "",
        "python -m models predict: a .parquet file needs pyarrow, which is not installed: requirements/parquet.txt has "
        "it; .csv and .jsonl need nothing\n",
    )


@pytest.mark.parametrize("change", ["option", "list"])
def test_another_run_is_refused(predict, photos, change):
    assert predict()[0] == 0
    options = ("--top-k", "2") if change == "option" else ()
    if change == "list":
        (photos / "new.png").write_bytes(RED)
    status, _, err = predict(*options)
    assert (status, err.count("\n")) == (2, 1)
    what = "top_k, 1 where it is 2 now" if change == "option" else "list of files"
    assert f"answers.csv belongs to a run of another {what}" in err
    assert "give --overwrite to start anew, or another --out" in err
    assert predict(*options, "--overwrite")[0] == 0


def test_a_full_disk_is_one_line_and_the_command_goes_on(predict, monkeypatch, tmp_path):
    def full(*_arguments, **_options):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr("models.predict.answer_file.AnswerFile.append", full)
        status, _, err = predict()
    assert status == 1
    assert err == (
        f"python -m models predict: {tmp_path}/answers.csv cannot be written: No space left on device; once it can, "
        "the same command goes on\n"
    )
    assert predict()[0] == 0


class Running:
    """The command in a process of its own, on pictures that take some time."""

    def __init__(self, photos, out):
        command = ["-m", "models", "predict", "cifar10", str(photos), "--out", str(out)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=REPO,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # What a shell has started in the background ignores Ctrl-C, and so do its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._out = out

    def wait_for_rows(self, number):
        part = self._out.with_name(f"{self._out.name}.part")

        def has_come():
            assert self.process.poll() is None, self.process.stderr.read()
            return part.exists() and part.read_bytes().count(b"\n") > number

        wait_until(has_come)

    def end(self, how=0):
        if how:
            self.process.send_signal(how)
        output = self.process.communicate(timeout=120)
        return self.process.returncode, *output


@pytest.fixture
def many(photos):
    photo = encode(gradient(300, 400), "PNG")
    for number in range(140):
        (photos / f"large{number:03}.png").write_bytes(photo)
    return photos


@pytest.mark.e2e
def test_killed_twice_it_ends_with_every_file_once_and_the_same_answers(predict, many, tmp_path):
    out = tmp_path / "answers.csv"
    for number in (20, 90):
        running = Running(many, out)
        running.wait_for_rows(number)
        assert running.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert Running(many, out).end()[0] == 0
    assert [row["file"] for row in rows_of(out)] == sorted(path.name for path in many.iterdir())
    assert predict(out="whole.csv")[0] == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_says_how_to_go_on(many, tmp_path, how):
    out = tmp_path / "answers.csv"
    running = Running(many, out)
    running.wait_for_rows(10)
    status, _, err = running.end(how)
    assert status == 128 + how
    [line] = err.splitlines()
    assert line.endswith(" of 202 files done; the same command goes on from there")
    done = int(line.split()[2])
    assert 0 < done < 202
    again = Running(many, out)
    status, _, err = again.end()
    assert (status, err) == (0, f"goes on after {done} of 202 files\n")
    assert len(rows_of(out)) == 202
