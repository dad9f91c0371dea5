"""The Makefile finds a Python that can be used, and takes what it is given as it is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
TOOLS = ("grep", "ln", "make", "mkdir", "rm", "touch")


@pytest.fixture
def folder(tmp_path):
    """The Makefile and the lock files, and in `bin` all that a PATH has which knows no Python."""
    shutil.copy(REPO / "Makefile", tmp_path)
    shutil.copytree(REPO / "requirements", tmp_path / "requirements")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def add_script(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def add_python(folder, name, minor):
    """A Python that says that it is 3.minor, and makes environments with a pip that installs nothing."""
    pretends = f"import sys; sys.version_info = (3, {minor}, 0, 'final', 0); "
    add_script(
        folder / "bin" / name,
        f'if [ "$1" = -c ]; then exec {sys.executable} -c "{pretends}$2"; fi\n'
        f"echo made by {name}; mkdir -p $3/bin; ln -s /bin/true $3/bin/pip",
    )


def make(folder, *arguments):
    environ = {"PATH": str(folder / "bin")}  # not that of a make which may be running the tests
    return subprocess.run(
        [shutil.which("make"), *arguments], cwd=folder, env=environ, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"python3": 11}, "python3"),
        ({"python3": 14, "python3.11": 11, "python3.12": 12}, "python3.11"),
        ({"python3": 14, "python3.13": 13}, "python3.13"),
        ({"python3.11": None, "python3.12": 12}, "python3.12"),
    ],
)
def test_python_that_runs_and_that_tensorflow_has_wheels_for_is_found(folder, there, taken):
    for name, minor in there.items():
        if minor is None:
            add_script(folder / "bin" / name, "exit 127")
        else:
            add_python(folder, name, minor)
    made = make(folder, ".venv/train/.done")
    assert (made.returncode, made.stderr) == (0, "")
    assert f"made by {taken}\n" in made.stdout


@pytest.mark.parametrize(("minor", "refused"), [(10, {"train", "serve"}), (13, set()), (14, {"train"})])
def test_only_environments_with_tensorflow_refuse_a_newer_python(folder, minor, refused):
    add_python(folder, "python3", minor)
    for purpose in ("train", "serve"):
        made = make(folder, f".venv/{purpose}/.done")
        assert (made.returncode != 0) == (purpose in refused)
        told = f"Opsin needs Python 3.11 to 3.13, this is 3.{minor}: make PYTHON=..."
        assert (told in made.stderr) == (purpose in refused)
        assert (folder / ".venv" / purpose).exists() != (purpose in refused)


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("train", {"--data": "DATA", "--preset": "PRESET", "--workdir": "WORKDIR", "--name": "NAME"}),
        ("optimize", {"--workdir": "WORKDIR", "--budget-latency": "BUDGET"}),
    ],
)
def test_value_with_a_space_and_a_semicolon_stays_one_argument(folder, target, settings):
    add_script(folder / ".venv" / "train" / "bin" / "python", 'printf "<%s>" "$@"')
    (folder / ".venv" / "train" / ".done").touch()
    made = make(folder, target, *(f"{name}=my {name}; echo" for name in settings.values()))
    assert all(f"<{option}><my {name}; echo>" in made.stdout for option, name in settings.items()), made


@pytest.mark.parametrize(("target", "settings"), [("train", ["DATA=x"]), ("optimize", [])])
def test_dry_run_is_handed_on_where_it_is_1(folder, target, settings):
    add_script(folder / ".venv" / "train" / "bin" / "python", 'printf "<%s>" "$@"')
    (folder / ".venv" / "train" / ".done").touch()
    assert make(folder, target, *settings, "DRY_RUN=1").stdout.endswith("<--dry-run>")
    assert "--dry-run" not in make(folder, target, *settings, "DRY_RUN=0").stdout


@pytest.mark.parametrize(
    ("extra", "requirements"),
    [
        ("redis", "redis"),
        ("tracing", "tracing"),
        ("grpc", "grpc"),
        ("openvino", "serve-openvino"),
        ("onnx", "serve-onnx"),
    ],
)
def test_extras_of_serving_are_added_where_they_are_asked_for(folder, extra, requirements):
    added = ".venv/serve/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement"
    for options, is_added in (([], False), ([f"{extra.upper()}=1"], True)):
        commands = make(folder, "--dry-run", "serve", *options).stdout
        assert (f"{added} requirements/{requirements}.txt" in commands) == is_added


def test_fuzzers_have_an_environment_of_their_own_and_as_long_as_they_are_told(folder):
    commands = make(folder, "--dry-run", "fuzz", "SECONDS=7").stdout
    assert ".venv/fuzz/bin/pip install" in commands
    assert "pytest --timeout 0 -o faulthandler_timeout=0 " in commands  # examples without end would take too long
    for fuzzer in ("preprocessing", "api"):
        assert f"PYTHONPATH=.:tests .venv/fuzz/bin/python -m fuzz.{fuzzer} 7\n" in commands
        assert (REPO / "tests" / "fuzz" / f"{fuzzer}.py").exists()


def test_no_test_that_is_run_for_fuzzing_has_fewer_examples_than_it_is_told():
    tested = re.search(r"--hypothesis-profile fuzz (.*(?:\\\n.*)*)", (REPO / "Makefile").read_text())[1]
    for name in tested.replace("\\", "").split():
        for path in (REPO / name).rglob("*.py") if (REPO / name).is_dir() else ():
            assert "max_examples=" not in path.read_text(), path


def test_soak_takes_minutes_and_rate(folder):
    add_script(folder / ".venv" / "dev" / "bin" / "python", 'printf "<%s>" "$@"')
    (folder / ".venv" / "dev" / ".done").touch()
    assert make(folder, "soak").stdout == "<-m><soak>"
    assert make(folder, "soak", "MINUTES=5", "RATE=20").stdout == "<-m><soak><--minutes><5><--rate><20>"


@pytest.mark.parametrize(("target", "settings"), [("serve", []), ("train", ["DATA=x"])])
def test_heif_adds_what_reads_heic_photos(folder, target, settings):
    added = f".venv/{target}/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement"
    for options, is_added in (([], False), (["HEIF=1"], True)):
        commands = make(folder, "--dry-run", target, *settings, *options).stdout
        assert f"{added} requirements/{target}.txt" in commands
        assert (f"{added} requirements/heif.txt" in commands) == is_added
