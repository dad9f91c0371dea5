"""No secret is in the tree: no private key, no token, no password in a URL."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PATTERNS = {
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an API key of ours": rb"opsin_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    "a token of GitHub": rb"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50}",
    "a key of AWS": rb"AKIA[0-9A-Z]{16}",
    "a key of Google": rb"AIza[A-Za-z0-9_-]{35}",
    "a token of PyPI": rb"pypi-AgEI[A-Za-z0-9_-]{20}",
    "a token of Slack": rb"xox[abprs]-[A-Za-z0-9-]{10}",
    "a JSON web token": rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.",
    "a password in a URL": rb"[a-z]+://[A-Za-z0-9_-]*:(?!password@|secret@|p@)[A-Za-z0-9_-]+@[a-z0-9]",
}


def found_in(content):
    return [what for what, pattern in PATTERNS.items() if re.search(pattern, content)]


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN EC " + b"PRIVATE KEY-----",
        b"key = opsin_" + b"A" * 43,
        b"ghp_" + b"a" * 36,
        b"postgres://admin:" + b"hunter2@db.example",
    ],
)
def test_secrets_are_recognized(content):
    assert len(found_in(content)) == 1


def test_no_secret_is_in_the_tree():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=False)  # noqa: S607
    if listed.returncode:
        pytest.skip("no git here, or not a clone")
    files = [REPO / name for name in listed.stdout.decode().split("\0") if name]
    assert len(files) > 100
    found = {file.relative_to(REPO).as_posix(): found_in(file.read_bytes()) for file in files if file.is_file()}
    assert {name: what for name, what in found.items() if what} == {}
