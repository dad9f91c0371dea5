"""`.ci/release` makes a signed tag where all is well, and none where anything is not; what takes hours is played."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
NEEDED = ("bash", "git", "gpg", "gpgconf", "sha256sum")
pytestmark = pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"one of {', '.join(NEEDED)} is not here")
SIGNER = "releases@example.net"
PLAYED = {  # what the command calls, and what happens where FAILING has its name
    ".ci/run": "[[ $FAILING != tests ]]",
    ".venv/dev/bin/python": """
        [[ $FAILING != figures ]] || { echo "the top-1 accuracy of pets fell from 95.00% to 94.00%" >&2; exit 1; }
        [[ $* == *--dry-run ]] || { mkdir -p releases; echo '{}' >"releases/$3.json"; }""",
    "tools/make": """
        [[ $* != *audit || $FAILING != audit ]] || exit 1
        if [[ $* == *sbom ]]; then mkdir -p sbom; echo '{}' >sbom/serve.cdx.json; fi""",
    "deploy/check_image.sh": """
        [[ $FAILING != image ]] || exit 1
        [[ $FAILING == engine ]] || echo image >"$IMAGE_OUT" """,
    "deploy/check_arm.sh": 'echo image >"$IMAGE_OUT"',
    "tools/trivy": "[[ $FAILING != trivy ]]",
}


def run(folder, *command, **environ):
    environ = os.environ | {"PATH": f"{folder}/tools:{os.environ['PATH']}", "FAILING": "", "KEY": SIGNER} | environ
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120)


def git(folder, *arguments):
    made = run(folder, "git", "-c", "user.name=A", "-c", f"user.email={SIGNER}", *arguments)
    assert made.returncode == 0, made.stderr
    return made.stdout.split()


@pytest.fixture(scope="module")
def keys():
    """A folder of gpg with one key; its path is short, for a socket's name is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", folder)
        key = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", SIGNER, "ed25519", "sign", "1d"]
        subprocess.run(key, check=True, capture_output=True)
        yield
        subprocess.run(["gpgconf", "--kill", "all"], check=True)  # noqa: S607


@pytest.fixture
def tree(tmp_path, keys):
    """A repository that could be released as 0.2.0, after 0.1.0."""
    for name, script in PLAYED.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{script}\n")
        path.chmod(0o755)
    shutil.copy(REPO / ".ci" / "release", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text('version = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("## 0.2.0\n")
    (tmp_path / ".gitignore").write_text("/dist/\n/sbom/\n")
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "0.1.0.json").write_text("{}")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "A")
    git(tmp_path, "config", "user.email", SIGNER)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "All")
    git(tmp_path, "tag", "v0.1.0")
    return tmp_path


def test_release_is_signed_recorded_and_tagged(tree):
    made = run(tree, ".ci/release", "0.2.0")
    assert made.returncode == 0, made.stderr
    assert git(tree, "tag") == ["v0.1.0", "v0.2.0"]
    git(tree, "verify-tag", "v0.2.0")
    assert git(tree, "show", "--name-only", "--format=", "v0.2.0^{commit}") == ["releases/0.2.0.json"]
    out = tree / "dist" / "0.2.0"
    signed = {line.split()[1] for line in (out / "SHA256SUMS").read_text().splitlines()}
    assert signed == {f"./opsin-0.2.0-{image}.tar" for image in ("cpu", "gpu", "arm64")} | {"./sbom/serve.cdx.json"}
    assert run(out, "gpg", "--verify", "SHA256SUMS.asc", "SHA256SUMS").returncode == 0


def test_dry_run_neither_records_nor_tags(tree):
    made = run(tree, ".ci/release", "0.2.0", "--dry-run", KEY="", IMAGES="cpu")
    assert made.returncode == 0, made.stderr
    assert git(tree, "tag") == ["v0.1.0"]
    assert git(tree, "status", "--porcelain") == []
    assert (tree / "dist" / "0.2.0" / "SHA256SUMS.asc").exists()


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("tests", "the tests failed"),
        ("figures", "it is worse than the last one, or was not compared"),
        ("audit", "a locked package has a known vulnerability, or the index was not reached"),
        ("image", "the image cpu is not what it promises"),
        ("engine", "the image cpu could not be built here"),
        ("trivy", "trivy found something"),
    ],
)
def test_release_of_which_anything_fails_is_refused(tree, failing, said):
    made = run(tree, ".ci/release", "0.2.0", FAILING=failing)
    assert (made.returncode, made.stderr.splitlines()[-1]) == (1, f"release refused: {said}")
    assert git(tree, "tag") == ["v0.1.0"]
    again = run(tree, ".ci/release", "0.2.0")  # what the first try left does not stand in the way
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("echo x >>CHANGELOG.md", "there are changes that are not committed"),
        ("echo x >new.py", "there are changes that are not committed"),
        ("git tag v0.2.0", "there is a tag v0.2.0"),
        ("git tag v0.1.1", "releases/ has no figures of v0.1.1 to compare with"),
        ("echo >CHANGELOG.md; git commit -qam Unwritten", "CHANGELOG.md has no section 0.2.0"),
        ("sed -i s/0.2.0/0.3.0/ pyproject.toml; git commit -qam Other", "pyproject.toml has another version"),
    ],
)
def test_tree_that_is_not_ready_is_refused_before_anything_runs(tree, change, said):
    assert run(tree, "bash", "-c", change).returncode == 0
    tags = git(tree, "tag")
    made = run(tree, ".ci/release", "0.2.0")
    assert (made.returncode, made.stderr) == (1, f"release refused: {said}\n")
    assert "== tests" not in made.stdout
    assert git(tree, "tag") == tags


@pytest.mark.parametrize("key", ["", "nobody@example.net"])
def test_key_that_cannot_sign_is_refused_before_anything_runs(tree, key):
    made = run(tree, ".ci/release", "0.2.0", KEY=key)
    assert (made.returncode, made.stderr) == (1, "release refused: KEY names no key of gpg\n")
    assert "== tests" not in made.stdout


def test_image_that_nobody_knows_is_refused_before_anything_runs(tree):
    made = run(tree, ".ci/release", "0.2.0", "--dry-run", IMAGES="riscv")
    assert (made.returncode, made.stderr) == (2, "usage: .ci/release VERSION [--dry-run]\n")
