"""The software bill of materials has what the lock files have, no less and no more."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
SCRIPT = REPO / "deploy" / "sbom.py"
LOCKS = sorted((REPO / "requirements").glob("*.txt"))


@pytest.fixture(scope="module")
def sbom():
    spec = importlib.util.spec_from_file_location("sbom", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCK = """\
flask==3.1.3 \\
    --hash=sha256:00aa \\
    --hash=sha256:11bb
    # via -r requirements/serve.in
deprecated==1.3.1 ; python_full_version < '3.12' \\
    --hash=sha256:22cc
    # via limits
deprecated==3.0.1 ; python_full_version >= '3.12' \\
    --hash=sha256:33dd
    # via limits
limits==5.8.0 \\
    --hash=sha256:44ee
    # via
    #   -r requirements/serve.in
    #   flask
pillow==13.0.0 \\
    --hash=sha256:55ff
    # via
    #   -c requirements/serve.txt
    #   flask
""".replace("00aa", "0" * 64).replace("11bb", "1" * 64)


def test_packages_hashes_markers_and_who_asks_for_them_are_taken_over(sbom):
    document = sbom.bill_of_materials(LOCK, "serve", "1.2.3")
    by_name = {each["bom-ref"]: each for each in document["components"]}
    flask = by_name["pkg:pypi/flask@3.1.3"]
    digests = [reference["hashes"][0]["content"] for reference in flask["externalReferences"]]
    assert digests == ["0" * 64, "1" * 64]
    marker = by_name["pkg:pypi/deprecated@1.3.1"]["properties"]
    assert marker == [{"name": "opsin:environment-marker", "value": "python_full_version < '3.12'"}]
    assert {each["ref"]: each["dependsOn"] for each in document["dependencies"]} == {
        "opsin-serve@1.2.3": ["pkg:pypi/flask@3.1.3", "pkg:pypi/limits@5.8.0"],
        "pkg:pypi/flask@3.1.3": ["pkg:pypi/limits@5.8.0", "pkg:pypi/pillow@13.0.0"],
        "pkg:pypi/limits@5.8.0": ["pkg:pypi/deprecated@1.3.1", "pkg:pypi/deprecated@3.0.1"],
        "pkg:pypi/deprecated@1.3.1": [],
        "pkg:pypi/deprecated@3.0.1": [],
        "pkg:pypi/pillow@13.0.0": [],
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_pinned_package_and_every_hash_of_a_lock_file_is_in_its_document(sbom, lock):
    text = lock.read_text()
    document = sbom.bill_of_materials(text, lock.stem, "1")
    pinned = re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    assert [(each["name"], each["version"]) for each in document["components"]] == pinned
    hashes = [reference["hashes"] for each in document["components"] for reference in each["externalReferences"]]
    assert len(hashes) == text.count("--hash=sha256:") > 0
    needed = {url for each in document["dependencies"] for url in each["dependsOn"]}
    assert needed == {each["bom-ref"] for each in document["components"]}  # each is asked for by somebody


def test_command_prints_the_same_document_again():
    command = [sys.executable, SCRIPT, REPO / "requirements" / "redis.txt"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    document = json.loads(first)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert "pkg:pypi/redis@" in first
