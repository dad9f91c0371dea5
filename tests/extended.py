"""The mark `extended(covers=[...])`: tests that are worth their time only when what they cover has changed.

`--extended=none` leaves them out, `--extended=changed` runs those whose files are not as they were when the test last
passed, and `--extended=all`, the default, runs what it is asked to. tests/extended.json has the digest of the files
with which each test last passed; `--record-extended` writes it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import pytest

TIMEOUT_S = 900
RECORD = "tests/extended.json"
LIBRARIES = "requirements/train.txt"  # what runs in other versions of them is not what passed
PROPERTY = "extended digest"


@cache
def digest(root: Path, covers: tuple[str, ...]) -> str:
    """Return the sha256 of all files that the patterns cover, by name and content.

    Raises:
        UsageError: a pattern covers no file, so that no change would ever be seen.
    """
    found: set[Path] = set()
    for pattern in covers:
        files = {path for path in root.glob(pattern) if path.is_file() and "__pycache__" not in path.parts}
        if not files:
            raise pytest.UsageError(f"an extended test covers {pattern!r}, which is no file of {root}")
        found |= files
    lines = (f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(found))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("extended")
    group.addoption("--extended", choices=("none", "changed", "all"), default="all", help="which extended tests to run")
    group.addoption("--record-extended", action="store_true", help=f"write to {RECORD} what passed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-extended") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config.rootpath))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    passed = read_record(config.rootpath)
    which, left_out = config.getoption("--extended"), set()
    for item in items:
        if mark := item.get_closest_marker("extended"):
            own = item.path.relative_to(config.rootpath).as_posix()
            found = digest(config.rootpath, (own, LIBRARIES, *mark.kwargs["covers"]))
            item.user_properties.append((PROPERTY, found))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))
            if which == "none" or (which == "changed" and passed.get(item.nodeid) == found):
                left_out.add(item)
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def read_record(root: Path) -> dict[str, str]:
    path = root / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


class Recorder:
    """Writes the digests of the tests that passed, which come with the reports of all workers."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[str, str] = {}
        self._outcomes: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._digests[report.nodeid] = value
                self._outcomes.setdefault(report.nodeid, set()).add(report.outcome)

    def pytest_sessionfinish(self) -> None:
        """Replace what is recorded of the files that ran; a test that was skipped keeps what it has."""
        ran = {file_of(nodeid) for nodeid in self._digests}
        record = {
            nodeid: value
            for nodeid, value in read_record(self._root).items()
            if (file_of(nodeid) not in ran and (self._root / file_of(nodeid)).exists())
            or self._outcomes.get(nodeid, set()) - {"passed"} == {"skipped"}
        }
        record |= {nodeid: self._digests[nodeid] for nodeid, found in self._outcomes.items() if found == {"passed"}}
        (self._root / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
