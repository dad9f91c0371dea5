"""Plants faults in a copy of the code, one at a time, and shows which of them the tests find.

``python tests/planted_faults.py`` plants each fault of planted_faults.toml, runs the tests that stand nearest to it,
and, where these pass, the whole suite. A fault that no test finds names a law that nobody guards. docs/testing.md has
the last table.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTS = Path(__file__).with_suffix(".toml")
TIMEOUT_S = 1800
SUITE = ("--numprocesses", "2", "--dist", "loadfile")


@dataclass(frozen=True, slots=True)
class Fault:
    """One change that makes the code wrong.

    Attributes:
        what: the law that it breaks, in words.
        file: where, from the root of the project.
        old: the text that is replaced; it stands there exactly once.
        new: the wrong text.
        tests: the tests nearest to it.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def plant(self, root: Path) -> None:
        """Change the file in a copy of the project; raises ValueError where the text is not there once."""
        path = root / self.file
        content = path.read_text()
        if content.count(self.old) != 1:
            raise ValueError(
                f"{self.file}: the text of {self.what!r} must stand there once, got {content.count(self.old)}"
            )
        path.write_text(content.replace(self.old, self.new))


def read_faults(file: Path = FAULTS) -> list[Fault]:
    """Read the list."""
    return [Fault(**{**entry, "tests": tuple(entry["tests"])}) for entry in tomllib.loads(file.read_text())["fault"]]


def copy_project(target: Path) -> None:
    """Copy what git tracks."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def run_tests(root: Path, arguments: tuple[str, ...]) -> str:
    """Run pytest until the first failure; the name of the test that failed, "" where all passed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments]
    try:
        process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "a test that hangs"
    if process.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", process.stdout, re.MULTILINE)
    return failed[1] if failed else f"exit status {process.returncode}"


def look_for(fault: Fault, *, whole: bool) -> dict[str, object]:
    """Plant one fault and look which test finds it."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy_project(root)
        fault.plant(root)
        found_by = run_tests(root, fault.tests)
        if not found_by and whole:
            found_by = run_tests(root, SUITE)
    return {"what": fault.what, "file": fault.file, "found_by": found_by, "s": round(time.monotonic() - started)}


def main() -> int:
    """Plant the faults that are asked for; exit status 1 where one is not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="plant only faults whose words or file contain one of these")
    parser.add_argument(
        "--nearest", action="store_true", help="do not run the whole suite where the nearest tests pass"
    )
    parser.add_argument("--control", action="store_true", help="plant nothing: the nearest tests must pass")
    parser.add_argument("--json", type=Path, help="write the outcomes to this file")
    args = parser.parse_args()
    faults = [f for f in read_faults() if not args.words or any(word in f.what + f.file for word in args.words)]
    if args.control:
        tests = tuple(dict.fromkeys(test for fault in faults for test in fault.tests))
        failed = run_tests(ROOT, tests)
        print(failed or "without a fault, all pass")
        return bool(failed)
    outcomes = []
    for fault in faults:
        outcomes.append(look_for(fault, whole=not args.nearest))
        print(f"| {fault.what} | `{fault.file}` | {outcomes[-1]['found_by'] or '**not found**'} |", flush=True)
        if args.json:
            args.json.write_text(json.dumps(outcomes, indent=2) + "\n")
    num_found = sum(bool(outcome["found_by"]) for outcome in outcomes)
    print(f"{num_found} of {len(outcomes)} found")
    return num_found != len(outcomes)


if __name__ == "__main__":
    sys.exit(main())
