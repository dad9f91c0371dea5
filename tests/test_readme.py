"""What the README, and the tables that it links to, say of commands, settings and errors is what the code does."""

import base64
import json
import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from models.errors import OpsinError
from server.api.errors import status_of
from server.settings import Settings, variable

REPO = Path(__file__).resolve().parent.parent
README = (REPO / "README.md").read_text()
API, SETTINGS = ((REPO / "docs" / name).read_text() for name in ("api.md", "settings.md"))


def all_errors(kind: type[OpsinError] = OpsinError) -> list[type[OpsinError]]:
    return [kind, *(error for child in kind.__subclasses__() for error in all_errors(child))]


@pytest.mark.parametrize("row", fields(Settings), ids=lambda row: row.name)
def test_settings_table_is_that_of_the_server(row):
    assert f"| `{variable(row.name)}` | {row.metadata['default']} | {row.metadata['meaning']} |\n" in SETTINGS


def test_settings_that_are_set_most_are_the_same_in_the_readme():
    rows = re.findall(r"^\| `OPSIN_.*\n", README, re.MULTILINE)
    assert rows
    assert all(row in SETTINGS for row in rows)


def test_error_codes_have_the_statuses_of_the_table():
    documented = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d{3}) \| (.*) \|$", API, re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", codes)
    }
    assert documented
    errors = {error.code: error for error in all_errors()}
    assert {code: status_of(errors[code].__new__(errors[code])) for code in documented} == documented


def test_json_example_takes_a_photo_that_is_larger_than_an_argument_may_be(tmp_path):
    (command,) = re.findall(r"^(.*curl --json .*\S) +# JSON", README, re.MULTILINE)
    photo = bytes(range(256)) * 4096
    (tmp_path / "a.jpg").write_bytes(photo)
    (tmp_path / "curl").write_text("#!/bin/sh\ncat")
    (tmp_path / "curl").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, env=environ, capture_output=True, check=True)
    assert base64.b64decode(json.loads(ran.stdout)["image"]) == photo


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_files_that_are_linked_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPO / target).exists(), target
