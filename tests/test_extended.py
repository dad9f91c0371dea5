"""Extended tests run when what they cover has changed since they passed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from extended import LIBRARIES, RECORD, digest

PLUGINS = Path(__file__).parent
TESTS = """
import os
import pytest

@pytest.mark.extended(covers=["room/**/*.py"])
@pytest.mark.parametrize("how", ["passes", "fails", "skips"])
def test_long(how):
    outcome = os.environ.get(how, how)
    assert outcome != "fails"
    if outcome == "skips":
        pytest.skip()

@pytest.mark.extended(covers=["other.py"])
def test_other():
    pass

def test_short():
    pass
"""


@pytest.fixture
def project(tmp_path):
    for name, content in {"room/a.py": "1", "other.py": "2", LIBRARIES: "tf==1", "tests/test_it.py": TESTS}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p extended -p no:cacheprovider -p no:hypothesispytest\n")
    return tmp_path


def names_that_ran(project, *options, **environ):
    """Run the tests of the project; the names of those that were chosen."""
    command = [sys.executable, "-m", "pytest", "-v", *options, "tests"]
    environ = {"PYTHONPATH": f"{PLUGINS}:{':'.join(sys.path)}", "PYTHONDONTWRITEBYTECODE": "1", **environ}
    ran = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return set(re.findall(r"tests/test_it.py::test_(\S+)", ran.stdout))


LONG = {"long[passes]", "long[fails]", "long[skips]"}


def test_what_is_asked_for_runs(project):
    assert names_that_ran(project) == LONG | {"other", "short"}
    assert names_that_ran(project, "--extended=none") == {"short"}
    assert names_that_ran(project, "--extended=changed") == LONG | {"other", "short"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_only_what_passed_is_left_out_until_its_files_change(project, workers):
    names_that_ran(project, "--record-extended", *workers)
    assert json.loads((project / RECORD).read_text()).keys() == {
        "tests/test_it.py::test_long[passes]",
        "tests/test_it.py::test_other",
    }
    assert names_that_ran(project, "--extended=changed") == {"long[fails]", "long[skips]", "short"}
    (project / "room" / "b.py").touch()
    assert names_that_ran(project, "--extended=changed") == LONG | {"short"}
    (project / LIBRARIES).write_text("tf==2")
    assert names_that_ran(project, "--extended=changed") == LONG | {"short", "other"}


def test_record_keeps_what_was_skipped_and_forgets_what_failed_or_is_gone(project):
    names_that_ran(project, "--record-extended", skips="passes", fails="passes")
    record = json.loads((project / RECORD).read_text())
    assert len(record) == 4
    (project / RECORD).write_text(json.dumps(record | {"tests/test_gone.py::test_it": "1", "tests/test_it.py::a": "2"}))
    names_that_ran(project, "--record-extended")
    assert json.loads((project / RECORD).read_text()).keys() == record.keys() - {"tests/test_it.py::test_long[fails]"}


def test_digest_is_of_names_and_contents_and_not_of_caches(project):
    before = digest(project, ("room/**/*",))
    (project / "room" / "__pycache__").mkdir()
    (project / "room" / "__pycache__" / "a.pyc").touch()
    digest.cache_clear()
    assert digest(project, ("room/**/*",)) == before
    (project / "room" / "a.py").rename(project / "room" / "b.py")
    digest.cache_clear()
    assert digest(project, ("room/**/*",)) != before


def test_pattern_that_covers_nothing_is_refused(project):
    with pytest.raises(pytest.UsageError, match=r"covers 'romo/\*\*', which is no file"):
        digest(project, ("room/*", "romo/**"))
