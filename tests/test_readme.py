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
from server.api.gate import is_open
from server.api.predict import PARAMETERS
from server.openapi.document import openapi_document
from server.openapi.own import own_schemas
from server.setting_rows import variable
from server.settings import Settings

REPO = Path(__file__).resolve().parent.parent
README = (REPO / "README.md").read_text()
API, SETTINGS = ((REPO / "docs" / name).read_text() for name in ("api.md", "settings.md"))

# Where the errors of requests are, and those among them that no client is sent: bases of others, what ends a command or
# the start, and what is said in other words, to the log or on /readyz.
OF_REQUESTS = {"models.errors", "server.request_errors", "server.engine.errors"}
NOT_SENT = {"error", "invalid_image", "engine_error", "model_gone", "client_gone", "run_failed", "runtime_missing"}
NOT_SENT |= {"engine_missing", "version_exists", "version_is_stable"}


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


def test_every_error_that_a_client_is_sent_is_in_the_table():
    sent = {error.code for error in all_errors() if error.__module__ in OF_REQUESTS}
    documented = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| \d{3} \| .* \|$", API, re.MULTILINE))))
    assert sent >= NOT_SENT
    assert sent - NOT_SENT == documented


def test_every_path_is_in_the_table_with_what_it_is_and_whether_it_takes_a_key():
    paths = openapi_document(max_images=1, needs_key=False)["paths"]
    described = {
        (f"{method.upper()} {path}", operation["summary"], "none" if is_open(path) else "asked for")
        for path, item in paths.items()
        for method, operation in item.items()
    }
    listed = re.findall(r"^\| `((?:GET|POST) /\S*)` \| (.*) \| (none|asked for) \|$", API, re.MULTILINE)
    of_the_page = {row for row in listed if row[0] in ("GET /", "GET /docs", "GET /static/{filename}")}
    assert {row[2] for row in of_the_page} == {"none"}
    assert len(of_the_page) == 3
    assert set(listed) - of_the_page == described


def test_every_parameter_of_a_request_is_in_the_readme():
    table = README.partition("| query or header |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`[a-z].*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} <= set(PARAMETERS)
    assert set(PARAMETERS) <= set(re.findall(r"`([a-z_]+)", table))


def test_every_field_of_an_answer_is_in_the_table():
    schema = own_schemas()["Prediction"]
    listed = re.findall(
        r"^\| `(\w+)` \| (always|.+?) \| .* \|$", API.partition("## What an answer has")[2], re.MULTILINE
    )
    assert {name for name, _ in listed} == set(schema["properties"])
    assert {name for name, when in listed if when == "always"} == set(schema["required"])


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


@pytest.mark.parametrize("document", sorted((REPO / "docs").glob("*.md")), ids=lambda document: document.name)
def test_documents_link_to_files_that_exist(document):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target
